using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars;

/// <summary>A piece of a grammar as every front end (GBNF, JSON Schema, expressions, choices) gives it to the automaton.</summary>
internal abstract class GrammarNode
{
    /// <summary>The empty text.</summary>
    public static GrammarNode Empty { get; } = new Literal([]);

    /// <summary>No text at all: a place that cannot be passed.</summary>
    public static GrammarNode Nothing { get; } = new Choice([]);

    public static GrammarNode Text(string text) => new Literal(System.Text.Encoding.UTF8.GetBytes(text));

    public static GrammarNode Join(params ReadOnlySpan<GrammarNode> parts) => parts.Length == 1 ? parts[0] : new Sequence(parts.ToArray());

    public static GrammarNode Any(params ReadOnlySpan<GrammarNode> options) => options.Length == 1 ? options[0] : new Choice(options.ToArray());

    public static GrammarNode Optional(GrammarNode body) => new Repeat(body, 0, 1);

    /// <summary>Exactly these bytes.</summary>
    public sealed class Literal(byte[] bytes) : GrammarNode
    {
        public byte[] Bytes => bytes;
    }

    /// <summary>One character of a set, in UTF-8.</summary>
    /// <param name="set">The characters.</param>
    /// <param name="isLenient">Whether longer spellings and numbers past U+10FFFF count as characters, as llama.cpp reads negated classes.</param>
    public sealed class Class(CodePointSet set, bool isLenient = false) : GrammarNode
    {
        public CodePointSet Set => set;

        public bool IsLenient => isLenient;
    }

    /// <summary>One after the other.</summary>
    public sealed class Sequence(GrammarNode[] parts) : GrammarNode
    {
        public GrammarNode[] Parts => parts;
    }

    /// <summary>One of several.</summary>
    public sealed class Choice(GrammarNode[] options) : GrammarNode
    {
        public GrammarNode[] Options => options;
    }

    /// <summary>The same several times.</summary>
    /// <param name="body">What is repeated.</param>
    /// <param name="minimum">At least so often.</param>
    /// <param name="maximum">At most so often, or null for any number.</param>
    public sealed class Repeat(GrammarNode body, int minimum, int? maximum) : GrammarNode
    {
        public GrammarNode Body => body;

        public int Minimum => minimum;

        public int? Maximum => maximum;
    }

    /// <summary>A rule, by its index.</summary>
    public sealed class Reference(int rule) : GrammarNode
    {
        public int Rule => rule;
    }

    /// <summary>A whole token of the vocabulary, or with <paramref name="isNegated"/> any but that one.</summary>
    /// <param name="id">The token, when it was given by number.</param>
    /// <param name="spelling">Its text, when it was given by that.</param>
    /// <param name="isNegated">Whether it is any other token.</param>
    /// <param name="position">Where it stands, for errors.</param>
    public sealed class Token(int? id, string? spelling, bool isNegated, (int Line, int Column) position) : GrammarNode
    {
        public int? Id => id;

        public string? Spelling => spelling;

        public bool IsNegated => isNegated;

        public (int Line, int Column) Position => position;
    }

    /// <summary>The texts that a determined expression takes, as they are or as the inside of a JSON string.</summary>
    public sealed class Expression(Dfa automaton, bool isJson) : GrammarNode
    {
        public Dfa Automaton => automaton;

        public bool IsJson => isJson;
    }

    /// <summary>Any bytes without an end of text of their own, until one of the triggers has come.</summary>
    public sealed class Until(byte[][] triggers, GrammarNode after, bool isRepeated) : GrammarNode
    {
        public byte[][] Triggers => triggers;

        public GrammarNode After => after;

        public bool IsRepeated => isRepeated;
    }

    /// <summary>A place in an expression: its beginning or its end. Only within expressions.</summary>
    public sealed class Anchor(bool isEnd) : GrammarNode
    {
        public bool IsEnd => isEnd;
    }
}
