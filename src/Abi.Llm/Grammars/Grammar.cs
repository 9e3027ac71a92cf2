using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Abi.Llm.Grammars.Automata;
using Abi.Llm.Grammars.Gbnf;
using Abi.Llm.Grammars.Masks;
using Abi.Llm.Grammars.Regular;
using Abi.Llm.Grammars.Schema;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Grammars;

/// <summary>
/// What a generated text must look like, whatever the model and the sampler want: a GBNF grammar, a JSON schema, a regular expression or a list of choices. Given as
/// <see cref="Llm.GenerationOptions.Grammar"/>, only tokens that some text of the grammar can go on with are ever chosen.
/// </summary>
/// <remarks>Immutable and thread-safe. Compiled once for each tokenizer, at the first use; make one and keep it.</remarks>
public sealed class Grammar
{
    private readonly GrammarRules _rules;
    private readonly ConditionalWeakTable<Tokenizer, CompiledGrammar> _compiled = [];

    private Grammar(GrammarRules rules)
    {
        LeftRecursion.Remove(rules);
        _rules = rules;
    }

    /// <summary>Reads a grammar in GBNF, the notation of llama.cpp.</summary>
    /// <param name="text">The rules, <c>name ::= …</c> each.</param>
    /// <param name="root">The rule that the whole text must be.</param>
    /// <exception cref="GrammarException">The grammar is wrong; line and column are named.</exception>
    public static Grammar FromGbnf(string text, string root = "root")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentException.ThrowIfNullOrEmpty(root);
        return new Grammar(GbnfParser.Parse(text, root));
    }

    /// <summary>Makes the grammar of the JSON values that a schema (draft 2020-12) allows, properties in the schema's order.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="options">How the JSON is written.</param>
    /// <exception cref="GrammarException">The schema is wrong, allows nothing, or holds a keyword that cannot be honoured; it is named with its place.</exception>
    public static Grammar FromJsonSchema(JsonElement schema, JsonSchemaOptions? options = null) => new(SchemaGrammar.Make(schema, options ?? new JsonSchemaOptions()));

    /// <summary>Makes the grammar of the JSON values that a schema (draft 2020-12) allows, properties in the schema's order.</summary>
    /// <param name="schema">The schema's JSON.</param>
    /// <param name="options">How the JSON is written.</param>
    /// <exception cref="GrammarException">The schema is not JSON, is wrong, allows nothing, or holds a keyword that cannot be honoured; it is named with its place.</exception>
    public static Grammar FromJsonSchema(string schema, JsonSchemaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (schema.Length > GrammarLimits.TextLength)
        {
            throw new GrammarException($"The schema has {schema.Length} characters; {GrammarLimits.TextLength} are the most.");
        }

        try
        {
            using var document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = GrammarLimits.Nesting });
            return FromJsonSchema(document.RootElement, options);
        }
        catch (JsonException exception)
        {
            throw new GrammarException($"The schema is not JSON: {exception.Message}", (int)(exception.LineNumber ?? 0) + 1, (int)(exception.BytePositionInLine ?? 0) + 1);
        }
    }

    /// <summary>Makes the grammar of the texts that a regular expression (ECMAScript's syntax) matches as a whole.</summary>
    /// <param name="pattern">The expression. Look-around and back-references are refused.</param>
    /// <exception cref="GrammarException">The expression is wrong or asks for something that cannot be honoured.</exception>
    public static Grammar FromRegex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        var rules = new GrammarRules();
        rules.Root = rules.Add("pattern", RegexGrammar.Whole(pattern));
        return new Grammar(rules);
    }

    /// <summary>Makes the grammar of a few texts.</summary>
    /// <param name="choices">The texts; one of them will be the whole text.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Grammar FromChoices(params IEnumerable<string> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        var options = choices.Select(GrammarNode.Text).ToArray();
        if (options.Length == 0)
        {
            throw new ArgumentException("At least one choice is needed.", nameof(choices));
        }

        var rules = new GrammarRules();
        rules.Root = rules.Add("choices", new GrammarNode.Choice(options));
        return new Grammar(rules);
    }

    /// <summary>
    /// The same grammar, asleep until a text comes: anything may be said before it, the text may end without it, and directly after it the grammar holds. A special
    /// token counts by its text.
    /// </summary>
    /// <param name="triggers">The texts that wake it; they are not part of what the grammar describes.</param>
    /// <param name="repeats">Whether it falls asleep again after a whole text of the grammar, until the next trigger; otherwise nothing follows.</param>
    /// <exception cref="ArgumentException">There is no trigger, or an empty one.</exception>
    public Grammar After(IEnumerable<string> triggers, bool repeats = false)
    {
        ArgumentNullException.ThrowIfNull(triggers);
        var texts = triggers.ToImmutableArray();
        if (texts.IsEmpty || texts.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("At least one trigger is needed, and none may be empty.", nameof(triggers));
        }

        var rules = new GrammarRules();
        for (var rule = 0; rule < _rules.Count; rule++)
        {
            var (line, column) = _rules.PositionOf(rule);
            rules.Add(_rules.NameOf(rule), _rules[rule], line, column);
        }

        rules.Root = rules.Add("text", new GrammarNode.Until([.. texts.Select(Encoding.UTF8.GetBytes)], new GrammarNode.Reference(_rules.Root), repeats));
        return new Grammar(rules);
    }

    /// <summary>Makes a grammar of rules that another part of the assembly put together.</summary>
    internal static Grammar FromRules(GrammarRules rules) => new(rules);

    /// <summary>Begins a text.</summary>
    /// <param name="tokenizer">The model's tokenizer; the first call for it compiles the grammar.</param>
    /// <exception cref="GrammarException">The grammar cannot be compiled: it begins with itself, is too large, or the vocabulary cannot spell it.</exception>
    public GrammarState Start(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new GrammarState(_compiled.GetValue(tokenizer, key => new CompiledGrammar(_rules, key)));
    }
}
