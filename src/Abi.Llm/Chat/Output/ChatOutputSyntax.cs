using System.Collections.Immutable;

namespace Abi.Llm.Chat.Output;

/// <summary>The marks by which one model's output is taken apart.</summary>
/// <remarks>Immutable and thread-safe. No mark is the beginning of another.</remarks>
internal sealed record ChatOutputSyntax
{
    /// <summary>Tags around reasoning.</summary>
    private static readonly (string Open, string Close)[] KnownReasoning =
    [
        ("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<|START_THINKING|>", "<|END_THINKING|>"), ("<seed:think>", "</seed:think>"), ("◁think▷", "◁/think▷"),
        ("<reasoning>", "</reasoning>"), ("<thought>", "</thought>"), ("<|channel>thought", "<channel|>"),
    ];

    /// <summary>Tags around the answer itself.</summary>
    private static readonly string[] Wrappers = ["<response>", "</response>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"];

    /// <summary>Tags around reasoning that the model uses.</summary>
    public ImmutableArray<(string Open, string Close)> Reasoning { get; init; } = [];

    /// <summary>What begins a call, and what reads it.</summary>
    public ImmutableArray<(string Open, Func<ToolTypes, CallReader> Reader)> Calls { get; init; } = [];

    /// <summary>Marks that are left out wherever they stand.</summary>
    public ImmutableArray<string> Dropped { get; init; } = [];

    /// <summary>Marks inside of calls.</summary>
    public ImmutableArray<string> Inner { get; init; } = [];

    /// <summary>Whether a message that begins with a JSON object may be a call.</summary>
    public bool HasBareCalls { get; init; }

    /// <summary>Calls of these names are the model's way to say that it calls nothing.</summary>
    public ImmutableArray<string> NoCalls { get; init; } = [];

    /// <summary>Whether a mark is a tag around the answer, which counts without tools too.</summary>
    public static bool IsWrapper(string mark) => Array.IndexOf(Wrappers, mark) >= 0;

    /// <summary>All marks but those inside of calls.</summary>
    public IEnumerable<string> Marks => [.. Reasoning.SelectMany(pair => new[] { pair.Open, pair.Close }), .. Calls.Select(call => call.Open), .. Dropped];

    /// <summary>The syntax of a template's model.</summary>
    /// <param name="template">The template's text.</param>
    /// <param name="format">How calls are written.</param>
    public static ChatOutputSyntax Of(string template, ToolCallFormat format)
    {
        ImmutableArray<(string, string)> reasoning = [.. KnownReasoning.Where(pair => template.Contains(pair.Open, StringComparison.Ordinal) || template.Contains(pair.Close, StringComparison.Ordinal))];
        ImmutableArray<string> wrappers = [.. Wrappers.Where(mark => template.Contains(mark, StringComparison.Ordinal))];
        var syntax = new ChatOutputSyntax { Reasoning = reasoning, Dropped = wrappers };
        return format switch
        {
            ToolCallFormat.Hermes => syntax.With("<tool_call>", _ => new JsonCallReader(), "</tool_call>"),
            ToolCallFormat.LlamaJson => syntax.With("<|python_tag|>", tools => new PythonTagReader(tools)) with { HasBareCalls = true },
            ToolCallFormat.Mistral => syntax.With("[TOOL_CALLS]", _ => new MistralCallReader()) with { Inner = ["[ARGS]", "[CALL_ID]"] },
            ToolCallFormat.Functionary => syntax.With("<function=", tools => new FunctionCallReader(tools), "</function>").With("<|python_tag|>", tools => new PythonTagReader(tools)),
            ToolCallFormat.FunctionParameters => syntax.With("<function=", tools => new FunctionCallReader(tools), "</function>", "<tool_call>", "</tool_call>"),
            ToolCallFormat.CommandR => syntax.With("Action:", _ => new JsonCallReader(hasFence: true), "```") with { NoCalls = ["directly-answer", "directly_answer"] },
            ToolCallFormat.CommandAction => syntax.With("<|START_ACTION|>", _ => new JsonCallReader(), "<|END_ACTION|>"),
            ToolCallFormat.DeepSeek => syntax.With("<｜tool▁call▁begin｜>", _ => new DeepSeekCallReader(), "<｜tool▁calls▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "```") with { Inner = ["<｜tool▁sep｜>"] },
            ToolCallFormat.Granite => syntax.With("<|tool_call|>", _ => new JsonCallReader(), "<|/tool_call|>"),
            ToolCallFormat.Glm => syntax.With("<tool_call>", tools => new GlmCallReader(tools)),
            ToolCallFormat.Nemotron => syntax.With("<TOOLCALL>", _ => new JsonCallReader(), "</TOOLCALL>"),
            ToolCallFormat.Functools => syntax.With("functools", _ => new JsonCallReader("[")),
            ToolCallFormat.Kimi => syntax.With(
                "<|tool_call_begin|>", _ => new NamedCallReader(["<|tool_call_argument_begin|>"], KimiName), "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_end|>") with { Inner = ["<|tool_call_argument_begin|>"] },
            ToolCallFormat.Gemma => syntax.With("<|tool_call>", tools => new GemmaCallReader(tools, "<|\"|>"), "<tool_call|>", "<|tool_response>")
                .With("<start_function_call>", tools => new GemmaCallReader(tools, "<escape>"), "<end_function_call>") with { Inner = ["<|\"|>", "<escape>"] },
            _ => syntax,
        };
    }

    /// <summary>The tag that closes the reasoning that a prompt has begun; null when it began none.</summary>
    public string? ClosingTag(string prompt)
    {
        foreach (var (open, close) in Reasoning)
        {
            if (prompt.AsSpan().TrimEnd().EndsWith(open))
            {
                return close;
            }
        }

        return null;
    }

    /// <summary>Whether a prompt has closed the reasoning already: the answer comes at once.</summary>
    public bool EndsReasoning(string prompt)
    {
        foreach (var (_, close) in Reasoning)
        {
            if (prompt.AsSpan().TrimEnd().EndsWith(close))
            {
                return true;
            }
        }

        return false;
    }

    private ChatOutputSyntax With(string open, Func<ToolTypes, CallReader> reader, params ReadOnlySpan<string> dropped) =>
        this with { Calls = Calls.Add((open, reader)), Dropped = [.. Dropped, .. dropped] };

    /// <summary>The name in an id like <c>functions.get_weather:0</c>.</summary>
    private static string? KimiName(string text)
    {
        var name = text.StartsWith("functions.", StringComparison.Ordinal) ? text["functions.".Length..] : text;
        var colon = name.LastIndexOf(':');
        return colon > 0 ? name[..colon] : name;
    }
}
