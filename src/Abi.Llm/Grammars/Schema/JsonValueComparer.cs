using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

/// <summary>JSON values that are the same: numbers by what they are worth, objects whatever the order of their members.</summary>
internal sealed class JsonValueComparer : IEqualityComparer<JsonElement>
{
    public static JsonValueComparer Instance { get; } = new();

    public bool Equals(JsonElement x, JsonElement y) => JsonElement.DeepEquals(x, y);

    public int GetHashCode(JsonElement value)
    {
        var hash = default(HashCode);
        hash.Add(value.ValueKind);
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                hash.Add(value.GetString(), StringComparer.Ordinal);
                break;
            case JsonValueKind.Number:
                hash.Add(ExactNumber.Parse(value.GetRawText(), "enum"));
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    hash.Add(GetHashCode(item));
                }

                break;
            case JsonValueKind.Object:
                var members = 0;
                foreach (var member in value.EnumerateObject())
                {
                    members ^= HashCode.Combine(member.Name, GetHashCode(member.Value));
                }

                hash.Add(members);
                break;
        }

        return hash.ToHashCode();
    }
}
