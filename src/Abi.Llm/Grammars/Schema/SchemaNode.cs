using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

/// <summary>A schema within a document.</summary>
/// <param name="Id">Its number: equal places have equal numbers.</param>
/// <param name="Element">Its JSON.</param>
/// <param name="Path">Its place as a JSON pointer, for errors and as its name.</param>
/// <param name="Resource">The schema that local references in it start from.</param>
/// <param name="ResourcePath">The place of that.</param>
internal sealed record SchemaNode(int Id, JsonElement Element, string Path, JsonElement Resource, string ResourcePath)
{
    /// <summary>Whether it allows everything.</summary>
    public bool IsTrue => Element.ValueKind == JsonValueKind.True || (Element.ValueKind == JsonValueKind.Object && Element.GetPropertyCount() == 0);

    public bool IsFalse => Element.ValueKind == JsonValueKind.False;
}
