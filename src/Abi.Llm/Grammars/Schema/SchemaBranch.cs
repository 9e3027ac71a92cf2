using System.Text.Json;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>One way to satisfy schemas: values of one type under constraints that all hold at once.</summary>
/// <remarks>Immutable; every constraint added gives another one.</remarks>
internal sealed record SchemaBranch(JsonKind Kind)
{
    /// <summary>The only values; null for any.</summary>
    public JsonElement[]? Values { get; init; }

    public bool IsInteger { get; init; }

    public ExactNumber? Low { get; init; }

    public bool IsLowExcluded { get; init; }

    public ExactNumber? High { get; init; }

    public bool IsHighExcluded { get; init; }

    public ExactNumber[] Steps { get; init; } = [];

    /// <summary>The fewest characters, items or properties.</summary>
    public int Minimum { get; init; }

    /// <summary>The most characters, items or properties.</summary>
    public int? Maximum { get; init; }

    /// <summary>A string's patterns and formats together.</summary>
    public Dfa? Text { get; init; }

    public ObjectGroup[] Objects { get; init; } = [];

    public string[] Required { get; init; } = [];

    public SchemaNode[] Names { get; init; } = [];

    public ArrayGroup[] Arrays { get; init; } = [];

    public ContainsRule[] Contains { get; init; } = [];

    public bool IsUnique { get; init; }

    /// <summary>How many constraints there are, each of which is copied where one is added.</summary>
    public int Size => 1 + Objects.Length + Required.Length + Names.Length + Arrays.Length + Contains.Length + Steps.Length;

    public bool IsEmpty =>
        Values is { Length: 0 } || Maximum < Minimum || (Text?.IsEmpty ?? false)
        || (Low is { } low && High is { } high && (low > high || (low.CompareTo(high) == 0 && (IsLowExcluded || IsHighExcluded))));

    public SchemaBranch AtLeast(ExactNumber value, bool isExcluded) =>
        Low is { } low && (low > value || (low.CompareTo(value) == 0 && IsLowExcluded)) ? this : this with { Low = value, IsLowExcluded = isExcluded };

    public SchemaBranch AtMost(ExactNumber value, bool isExcluded) =>
        High is { } high && (high < value || (high.CompareTo(value) == 0 && IsHighExcluded)) ? this : this with { High = value, IsHighExcluded = isExcluded };

    public SchemaBranch AtLeast(int count) => this with { Minimum = Math.Max(Minimum, count) };

    public SchemaBranch AtMost(int count) => this with { Maximum = Math.Min(Maximum ?? int.MaxValue, count) };

    public SchemaBranch WithText(Dfa text) => ReferenceEquals(Text, text) ? this : this with { Text = Text?.Intersect(text) ?? text };

    public SchemaBranch WithRequired(params string[] names) => this with { Required = [.. Required.Union(names, StringComparer.Ordinal)] };
}
