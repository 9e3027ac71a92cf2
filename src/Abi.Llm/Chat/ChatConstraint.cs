using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Llm.Chat.Output;
using Abi.Llm.Grammars;
using Abi.Llm.Grammars.Regular;
using Abi.Llm.Grammars.Schema;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>Makes the grammar that holds a model to a response format, or to calling a tool, in the model's own way of writing; its reasoning stays free.</summary>
internal static class ChatConstraint
{
    /// <summary>What separates and surrounds calls of a format, and what of it depends on the tool.</summary>
    private sealed record CallShape(string Begin, Func<string, string> Before, string After, string Between, string End);

    /// <summary>The grammar of a request; null when it asks for none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="dialect">How the model writes.</param>
    /// <param name="prompt">The prompt: it may have begun the reasoning.</param>
    /// <exception cref="GrammarException">A schema is wrong, or holds something that cannot be honoured.</exception>
    public static Grammar? Make(ChatRequest request, ChatDialect dialect, string prompt)
    {
        if (request.ResponseSchema is null && request.RequiredTool is null)
        {
            return null;
        }

        var rules = new GrammarRules();
        var options = new JsonSchemaOptions();
        List<GrammarNode> bodies = [];
        if (request.RequiredTool is null)
        {
            var value = new GrammarNode.Reference(Append(rules, SchemaGrammar.Make(request.ResponseSchema!.Value, options)));
            bodies.Add(dialect.IsHarmony ? GrammarNode.Join(GrammarNode.Text("<|channel|>final<|message|>"), value) : value);
        }

        var tools = string.IsNullOrEmpty(request.RequiredTool) ? request.Tools : request.Tools.Where(tool => tool.Name == request.RequiredTool);
        if (!request.Tools.IsEmpty)
        {
            bodies.Add(Calls(rules, [.. tools], Shape(dialect), request.SingleCall || dialect.Format is ToolCallFormat.Harmony, options));
        }

        var body = new GrammarNode.Reference(rules.Add("response", GrammarNode.Any([.. bodies])));
        rules.Root = rules.Add("output", WithReasoning(body, dialect, prompt));
        return Grammar.FromRules(rules);
    }

    /// <summary>Whether calls of a format can be held to a grammar.</summary>
    public static bool CanRequire(ToolCallFormat format) => format != ToolCallFormat.Glm;

    private static GrammarNode Calls(GrammarRules rules, IReadOnlyList<AIFunctionDeclaration> tools, CallShape shape, bool isSingle, JsonSchemaOptions options)
    {
        var call = new GrammarNode.Reference(rules.Add("call", GrammarNode.Any([.. tools.Select(tool =>
        {
            var arguments = new GrammarNode.Reference(Append(rules, SchemaGrammar.Make(Schema(tool), options)));
            return GrammarNode.Join(GrammarNode.Text(shape.Before(tool.Name)), arguments, GrammarNode.Text(shape.After));
        })])));
        return isSingle
            ? GrammarNode.Join(GrammarNode.Text(shape.Begin), call, GrammarNode.Text(shape.End))
            : GrammarNode.Join(
                GrammarNode.Text(shape.Begin), call, new GrammarNode.Repeat(GrammarNode.Join(GrammarNode.Text(shape.Between), call), 0, CallReader.MaximumCalls - 1), GrammarNode.Text(shape.End));
    }

    private static JsonElement Schema(AIFunctionDeclaration tool)
    {
        if (tool.JsonSchema.ValueKind == JsonValueKind.Object && tool.JsonSchema.TryGetProperty("properties", out _))
        {
            return tool.JsonSchema;
        }

        using var none = JsonDocument.Parse("""{"type": "object", "properties": {}, "additionalProperties": false}""");
        return none.RootElement.Clone();
    }

    private static CallShape Shape(ChatDialect dialect) => dialect.Format switch
    {
        ToolCallFormat.LlamaJson => new("", name => $"{{\"name\": {Quote(name)}, \"parameters\": ", "}", "; ", ""),
        ToolCallFormat.Mistral => new("[TOOL_CALLS][", name => $"{{\"name\": {Quote(name)}, \"arguments\": ", "}", ", ", "]"),
        ToolCallFormat.Granite => new("<|tool_call|>[", name => $"{{\"name\": {Quote(name)}, \"arguments\": ", "}", ", ", "]"),
        ToolCallFormat.Nemotron => new("<TOOLCALL>[", name => $"{{\"name\": {Quote(name)}, \"arguments\": ", "}", ", ", "]</TOOLCALL>"),
        ToolCallFormat.Functools => new("functools[", name => $"{{\"name\": {Quote(name)}, \"arguments\": ", "}", ", ", "]"),
        ToolCallFormat.CommandR => new("Action:\n```json\n[\n    ", name => $"{{\n        \"tool_name\": {Quote(name)},\n        \"parameters\": ", "\n    }", ",\n    ", "\n]```"),
        ToolCallFormat.CommandAction => new("<|START_ACTION|>[\n    ", name => $"{{\"tool_call_id\": \"0\", \"tool_name\": {Quote(name)}, \"parameters\": ", "}", ",\n    ", "\n]<|END_ACTION|>"),
        ToolCallFormat.Functionary => new("", name => $"<function={name}>", "</function>", "", ""),
        ToolCallFormat.FunctionParameters => new("", name => $"<tool_call>\n<function={name}>\n", "\n</function>\n</tool_call>", "\n", ""),
        ToolCallFormat.DeepSeek when !dialect.Template.Source.Contains("```json", StringComparison.Ordinal) => new(
            "<｜tool▁calls▁begin｜>", name => $"<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "", "<｜tool▁calls▁end｜>"),
        ToolCallFormat.DeepSeek => new(
            "<｜tool▁calls▁begin｜>", name => $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n", "\n```<｜tool▁call▁end｜>", "\n", "<｜tool▁calls▁end｜>"),
        ToolCallFormat.Kimi => new(
            "<|tool_calls_section_begin|>", name => $"<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>", "<|tool_call_end|>", "", "<|tool_calls_section_end|>"),
        ToolCallFormat.Gemma when !dialect.Template.Source.Contains("<|tool_call>", StringComparison.Ordinal) => new(
            "", name => $"<start_function_call>call:{name}", "<end_function_call>", "", ""),
        ToolCallFormat.Gemma => new("", name => $"<|tool_call>call:{name}", "<tool_call|>", "", ""),
        ToolCallFormat.Harmony => new("", name => $"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>", "", "", ""),
        _ => new("", name => $"<tool_call>\n{{\"name\": {Quote(name)}, \"arguments\": ", "}\n</tool_call>", "\n", ""),
    };

    private static string Quote(string name) => JsonValue.Create(name).ToJsonString(AIJsonUtilities.DefaultOptions);

    /// <summary>The model may reason first, in its own way; what is asked for comes behind it all the same.</summary>
    private static GrammarNode WithReasoning(GrammarNode body, ChatDialect dialect, string prompt)
    {
        if (dialect.IsHarmony)
        {
            return GrammarNode.Any(body, GrammarNode.Join(GrammarNode.Text("<|channel|>analysis<|message|>"), UpTo("<|end|>"), GrammarNode.Text("<|start|>assistant"), body));
        }

        var spaced = GrammarNode.Join(GrammarNode.Any(GrammarNode.Empty, GrammarNode.Text("\n"), GrammarNode.Text("\n\n")), body);
        if (dialect.Syntax.ClosingTag(prompt) is { } closing)
        {
            return GrammarNode.Join(UpTo(closing), spaced);
        }

        return dialect.Syntax.Reasoning is [var (open, close), ..] && !dialect.Syntax.EndsReasoning(prompt)
            ? GrammarNode.Any(body, GrammarNode.Join(GrammarNode.Text(open), UpTo(close), spaced))
            : body;
    }

    /// <summary>
    /// Any text up to the first place where a tag stands, and the tag. The tag's first character occurs in it once, so a part of the tag that is not gone on with is followed by that character, which
    /// begins anew, or by another one.
    /// </summary>
    private static GrammarNode UpTo(string tag)
    {
        var first = CodePointSet.OfCharacters(tag[..1]);
        List<GrammarNode> parts = [];
        List<GrammarNode> mismatches = [];
        for (var length = 1; length < tag.Length; length++)
        {
            var part = GrammarNode.Text(tag[..length]);
            parts.Add(part);
            mismatches.Add(GrammarNode.Join(part, new GrammarNode.Class(first.Union(CodePointSet.OfCharacters(tag.Substring(length, 1))).Complement())));
        }

        var begun = new GrammarNode.Repeat(GrammarNode.Any([.. parts]), 0, null);
        var other = GrammarNode.Any(new GrammarNode.Class(first.Complement()), GrammarNode.Join(begun, GrammarNode.Any([.. mismatches])));
        return GrammarNode.Join(new GrammarNode.Repeat(other, 0, null), begun, GrammarNode.Text(tag));
    }

    /// <summary>Adds the rules of one grammar to another; returns where its root is now.</summary>
    private static int Append(GrammarRules rules, GrammarRules other)
    {
        var offset = rules.Count;
        for (var rule = 0; rule < other.Count; rule++)
        {
            rules.Add(other.NameOf(rule));
        }

        for (var rule = 0; rule < other.Count; rule++)
        {
            rules[offset + rule] = Shift(other[rule], offset);
        }

        return offset + other.Root;
    }

    private static GrammarNode Shift(GrammarNode node, int offset) => node switch
    {
        GrammarNode.Reference reference => new GrammarNode.Reference(reference.Rule + offset),
        GrammarNode.Sequence sequence => new GrammarNode.Sequence(Array.ConvertAll(sequence.Parts, part => Shift(part, offset))),
        GrammarNode.Choice choice => new GrammarNode.Choice(Array.ConvertAll(choice.Options, option => Shift(option, offset))),
        GrammarNode.Repeat repeat => new GrammarNode.Repeat(Shift(repeat.Body, offset), repeat.Minimum, repeat.Maximum),
        _ => node,
    };
}
