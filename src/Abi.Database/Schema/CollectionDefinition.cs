using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>What the records of a collection are made of. Given once, when the collection is created, and kept with it.</summary>
public sealed record CollectionDefinition
{
    /// <summary>The type of the keys.</summary>
    public KeyKind Key { get; init; } = KeyKind.Text;

    /// <summary>The name of the key in records that are dictionaries.</summary>
    public string KeyName { get; init; } = "Key";

    /// <summary>The data fields.</summary>
    public ImmutableArray<DataField> Data { get; init; } = [];

    /// <summary>The vector fields.</summary>
    public ImmutableArray<VectorField> Vectors { get; init; } = [];

    /// <summary>How long after it was written a record lives; unset, for ever. A record that has outlived it is not found any more, and deleted some time later.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Compares field by field.</summary>
    public bool Equals(CollectionDefinition? other) =>
        other is not null && Key == other.Key && KeyName == other.KeyName && TimeToLive == other.TimeToLive && Data.SequenceEqual(other.Data) && Vectors.SequenceEqual(other.Vectors);

    /// <summary>Says in words in what another definition differs, or null where it has the same fields, be it in another order: records are written by the names of their fields.</summary>
    /// <param name="other">The other one.</param>
    public string? DifferenceFrom(CollectionDefinition other)
    {
        ArgumentNullException.ThrowIfNull(other);
        List<string> differences = [];
        Compare("the type of keys", Key, other.Key);
        Compare("the name of the key", KeyName, other.KeyName);
        Compare("the time to live", TimeToLive, other.TimeToLive);
        CompareFields("data field", Data, other.Data, field => field.Name);
        CompareFields("vector field", Vectors, other.Vectors, field => field.Name);
        return differences.Count == 0 ? null : string.Join("; ", differences);

        void Compare<T>(string what, T there, T given)
        {
            if (!Equals(there, given))
            {
                differences.Add($"{what} is {Shown(there)} there and {Shown(given)} here");
            }
        }

        void CompareFields<T>(string what, ImmutableArray<T> there, ImmutableArray<T> given, Func<T, string> name)
            where T : notnull
        {
            differences.AddRange(there.Select(name).Except(given.Select(name), StringComparer.Ordinal).Select(missing => $"the {what} '{missing}' is only there"));
            differences.AddRange(given.Select(name).Except(there.Select(name), StringComparer.Ordinal).Select(added => $"the {what} '{added}' is only here"));
            foreach (var (one, two) in there.Join(given, name, name, (one, two) => (one, two), StringComparer.Ordinal))
            {
                Compare($"the {what} '{name(one)}'", one, two);
            }
        }

        static string Shown(object? value) => value?.ToString() ?? "unset";
    }

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, KeyName, TimeToLive, Data.Length, Vectors.Length);
}
