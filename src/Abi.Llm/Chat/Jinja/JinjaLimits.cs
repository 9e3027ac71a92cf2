namespace Abi.Llm.Chat.Jinja;

/// <summary>How much a template may do: templates come from model files and are not trusted.</summary>
public sealed record JinjaLimits
{
    /// <summary>The default limits, generous for any published chat template.</summary>
    public static JinjaLimits Default { get; } = new();

    /// <summary>The most operations evaluated in one rendering.</summary>
    public long Steps { get; init; } = 20_000_000;

    /// <summary>The most characters of output, and of any one string made on the way.</summary>
    public int Characters { get; init; } = 64 << 20;

    /// <summary>The deepest nesting of expressions, blocks and macro calls.</summary>
    public int Depth { get; init; } = 200;

    /// <summary>The most elements of a list made by <c>range</c>, repetition or concatenation.</summary>
    public int Elements { get; init; } = 1_000_000;
}
