namespace Abi.Llm.Chat.Jinja;

/// <summary>The kinds of tokens.</summary>
internal enum JinjaTokenKind
{
    Data,
    BlockBegin,
    BlockEnd,
    PrintBegin,
    PrintEnd,
    Name,
    Integer,
    Float,
    String,
    Operator,
    End,
}
