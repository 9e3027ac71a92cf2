namespace Abi.Llm.Grammars.Schema;

/// <summary>The types of JSON values; integers are numbers.</summary>
internal enum JsonKind
{
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}
