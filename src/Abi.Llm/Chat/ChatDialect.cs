using System.Collections.Immutable;
using Abi.Llm.Chat.Output;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>How one model is spoken to and understood: its template, the marks of its output, and the control tokens among these.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class ChatDialect
{
    private readonly ImmutableArray<int> _shownWithTools;
    private readonly ImmutableArray<int> _shownWithoutTools;

    public ChatDialect(ChatTemplate template, Tokenizer tokenizer)
    {
        Template = template;

        // without marks of its own a model is told those of Hermes, or answers in the most common form
        var format = template.DetectedToolCallFormat;
        Format = format == ToolCallFormat.None ? ToolCallFormat.Hermes : format;
        IsHarmony = template.DetectedToolCallFormat == ToolCallFormat.Harmony;
        var syntax = ChatOutputSyntax.Of(template.Source, Format);
        Syntax = format == ToolCallFormat.None && template.Capabilities.Tools ? syntax with { HasBareCalls = true } : syntax;
        IEnumerable<string> always = IsHarmony ? HarmonyOutputParser.Marks : [.. Syntax.Reasoning.SelectMany(pair => new[] { pair.Open, pair.Close }), .. Syntax.Dropped.Where(ChatOutputSyntax.IsWrapper)];
        _shownWithoutTools = Controls(tokenizer, always);
        _shownWithTools = Controls(tokenizer, [.. always, .. Syntax.Marks, .. Syntax.Inner]);
    }

    public ChatTemplate Template { get; }

    /// <summary>How calls are read.</summary>
    public ToolCallFormat Format { get; }

    /// <summary>The marks of the output.</summary>
    public ChatOutputSyntax Syntax { get; }

    /// <summary>Whether the model writes on channels.</summary>
    public bool IsHarmony { get; }

    /// <summary>Control tokens that the parser has to see.</summary>
    public ImmutableArray<int> ShownTokens(bool hasTools) => hasTools ? _shownWithTools : _shownWithoutTools;

    public ChatOutputParser Parser(ToolTypes tools, string prompt, IEnumerable<string> knownIds) =>
        IsHarmony ? new HarmonyOutputParser(tools, knownIds) : new MarkedOutputParser(Syntax, tools, prompt, knownIds);

    private static ImmutableArray<int> Controls(Tokenizer tokenizer, IEnumerable<string> marks) =>
    [
        .. marks.SelectMany(mark => tokenizer.Encode(mark, addSpecial: false, parseSpecial: true))
            .Where(id => tokenizer.KindOf(id) == TokenKind.Control && !tokenizer.IsEndOfGeneration(id)).Distinct(),
    ];
}
