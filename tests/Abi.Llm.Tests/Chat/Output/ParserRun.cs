using System.Text;
using System.Text.Json;
using Abi.Llm.Chat;
using Abi.Llm.Chat.Output;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat.Output;

/// <summary>Runs a parser over an output and writes down what came: text as it is, reasoning in (…), calls in [name{…}], errors in !…!.</summary>
internal static class ParserRun
{
    /// <summary>Types as C# writes them: of a text that may be null, of one or the other, of anything; and a text that may be null as Python writes it.</summary>
    private static readonly AIFunctionDeclaration Find = AIFunctionFactory.CreateDeclaration(
        "find", "Finds.", JsonDocument.Parse("""{"properties":{"text":{"type":["string","null"]},"count":{"type":["string","integer"]},"place":{},"other":{"anyOf":[{"type":"string"},{"type":"null"}]},"exact":{"type":"boolean"},"limit":{"type":["integer","null"]}}}""").RootElement);

    public static ChatOutputParser Parser(string template, ToolCallFormat format, string prompt = "", bool hasTools = true, params string[] knownIds)
    {
        var tools = new ToolTypes(hasTools ? [TemplateFixtures.Weather, TemplateFixtures.Add, Find, AIFunctionFactory.CreateDeclaration("python", "Runs code.", JsonDocument.Parse("{}").RootElement)] : []);
        return format == ToolCallFormat.Harmony ? new HarmonyOutputParser(tools, knownIds) : new MarkedOutputParser(ChatOutputSyntax.Of(template, format), tools, prompt, knownIds);
    }

    public static string Of(ChatOutputParser parser, params IEnumerable<string> pieces)
    {
        List<AIContent> contents = [];
        foreach (var piece in pieces)
        {
            contents.AddRange(parser.Push(piece));
        }

        contents.AddRange(parser.Finish());
        return Describe(contents);
    }

    public static string Describe(IEnumerable<AIContent> contents)
    {
        var text = new StringBuilder();
        var kind = ' ';
        foreach (var content in contents)
        {
            var (next, part) = content switch
            {
                TextContent t => ('t', t.Text),
                TextReasoningContent r => ('r', r.Text),
                FunctionCallContent c => ('c', $"[{c.Name}{Compact(c.Arguments!)}]"),
                ErrorContent e => ('e', $"!{e.ErrorCode}!"),
                _ => throw new AssertionException($"unexpected {content}"),
            };
            text.Append(kind == 'r' && next != 'r' ? ")" : "").Append(next == 'r' && kind != 'r' ? "(" : "").Append(part);
            kind = next;
        }

        return text.Append(kind == 'r' ? ")" : "").ToString();
    }

    /// <summary>Checks an output whole, one character at a time, and cut in two at every place.</summary>
    public static void CheckEverySplit(Func<ChatOutputParser> parser, string output, string expected)
    {
        Assert.That(Of(parser(), output), Is.EqualTo(expected), "whole");
        Assert.That(Of(parser(), output.Select(c => c.ToString())), Is.EqualTo(expected), "by character");
        for (var cut = 1; cut < output.Length; cut++)
        {
            var text = Of(parser(), output[..cut], output[cut..]);
            if (text != expected)
            {
                Assert.Fail($"cut at {cut}: {text}\nexpected {expected}");
            }
        }
    }

    private static string Compact(IDictionary<string, object?> arguments) => "{" + string.Join(",", arguments.Select(pair => $"{pair.Key}={((JsonElement)pair.Value!).GetRawText()}")) + "}";
}
