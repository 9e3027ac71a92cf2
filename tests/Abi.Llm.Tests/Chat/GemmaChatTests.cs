using System.Text;
using System.Text.Json;
using Abi.Llm.Chat;
using Abi.Llm.Chat.Output;
using Abi.Llm.Gguf;
using Abi.Llm.Tests.Chat.Output;
using Abi.Llm.Tests.Grammars;
using Abi.Llm.Tokenizers;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

/// <summary>Conversations in the form of Gemma 4: what its template shows, what its output says, and which of its tokens are what.</summary>
public sealed class GemmaChatTests
{
    private const string Call = "<|tool_call>call:get_weather{city:<|\"|>Bonn, \"DE\"<|\"|>,days:3}<tool_call|>";

    private static readonly string[] Marks =
        ["<bos>", "<|turn>", "<turn|>", "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", "<|\"|>", "<|channel>", "<channel|>", "<|think|>"];

    /// <summary>Those that llama.cpp's converter makes visible.</summary>
    private static readonly string[] Visible = ["<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", "<|\"|>", "<|channel>", "<channel|>"];

    [Test]
    public void TheFormatIsFoundInTheTemplate()
    {
        var template = GemmaTemplate.Template;
        Assert.That(template.ToolCallFormat, Is.EqualTo(ToolCallFormat.Gemma));
        Assert.That(template.Capabilities, Has.Property("Tools").True.And.Property("ToolCalls").True.And.Property("ParallelToolCalls").True.And.Property("ToolResults").True.And.Property("EnableThinking").True);
        Assert.That(template.Capabilities, Has.Property("ArgumentsAsText").False.And.Property("ContentAsParts").False);
        Assert.That(ChatTemplate.Parse("{{ tools }}{{ messages[0].content }}<start_function_call>call:{{ name }}").ToolCallFormat, Is.EqualTo(ToolCallFormat.Gemma));
    }

    [Test]
    public void WhatTheTemplateWritesIsReadBack()
    {
        var place = new Dictionary<string, object?> { ["k"] = "a, {b}: </x>\n", ["list"] = new object?[] { 1, "2", true, null, Array.Empty<int>() } };
        ChatMessage answer = new(
            ChatRole.Assistant,
            [
                new TextReasoningContent("Two of them."), new FunctionCallContent("callid001", "get_weather", new Dictionary<string, object?> { ["city"] = "Łódź \"x\" <tool_call|>", ["days"] = 3 }),
                new FunctionCallContent("callid002", "find", new Dictionary<string, object?> { ["place"] = place, ["exact"] = false }),
            ]);
        var options = new ChatRenderOptions { Tools = [TemplateFixtures.Weather], AddGenerationPrompt = false };
        var before = GemmaTemplate.Template.Render([new(ChatRole.User, "Go")], options);
        var whole = GemmaTemplate.Template.Render([new(ChatRole.User, "Go"), answer], options);
        Assert.That(whole, Does.StartWith(before + "<|turn>model\n"));
        ParserRun.CheckEverySplit(
            () => ParserRun.Parser(GemmaTemplate.Source, ToolCallFormat.Gemma), whole[(before + "<|turn>model\n").Length..],
            "(Two of them.)[get_weather{city=\"Łódź \\\"x\\\" <tool_call|>\",days=3}][find{place={\"k\":\"a, {b}: </x>\\n\",\"list\":[1,\"2\",true,null,[]]},exact=false}]");
    }

    /// <summary>The first templates of Gemma 4 know results only where the call stands: a message of a tool would be a turn that the model never saw.</summary>
    [Test]
    public void ResultsStandBesideTheirCallsWhereTheTemplateHasThemThere()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "Go"), new(ChatRole.Assistant, [new FunctionCallContent("1", "add"), new FunctionCallContent("2", "get_weather")]),
            new(ChatRole.Tool, [new FunctionResultContent("1", 3)]), new(ChatRole.Tool, [new FunctionResultContent("2", "rain")]),
        ];
        const string Results = "<tool_call|><|tool_response>response:add{value:<|\"|>3<|\"|>}<tool_response|><|tool_response>response:get_weather{value:<|\"|>rain<|\"|>}<tool_response|>";
        var options = new ChatRenderOptions { Tools = [TemplateFixtures.Add] };
        Assert.That(GemmaTemplate.Template.Render(messages, options), Does.EndWith(Results), "in messages of their own");
        var first = ChatTemplate.Parse(GemmaTemplate.First);
        Assert.That(first.Render(messages, options), Does.EndWith(Results));
        Assert.That(first.Render([messages[0], new(ChatRole.Tool, [new FunctionResultContent("9", "lost")])], options), Does.Contain("<|turn>tool\nlost"));
        Assert.That(first.Render([new(ChatRole.Tool, [new FunctionResultContent("9", "lost")])], options), Does.Contain("<|turn>tool\nlost"));
    }

    /// <summary>The quotes inside of calls are tokens, too; without them a text could not be told from what follows it.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void ControlTokensThatTheReaderNeedsAreShownToIt(bool areVisible)
    {
        var tokenizer = Vocabulary(areVisible);
        var dialect = new ChatDialect(GemmaTemplate.Template, tokenizer);
        if (!areVisible)
        {
            Assert.That(Texts(dialect.ShownTokens(hasTools: true)), Is.EquivalentTo(new[] { "<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|\"|>" }));
            Assert.That(Texts(dialect.ShownTokens(hasTools: false)), Is.EquivalentTo(new[] { "<|channel>", "<channel|>" }));
        }

        var ids = tokenizer.Encode("<|channel>thought\nHm.\n<channel|>" + Call + Call + "<|tool_response>", addSpecial: false, parseSpecial: true);
        Assert.That(tokenizer.IsEndOfGeneration(ids[^1]));
        var detokenizer = new Detokenizer(tokenizer, includeSpecial: false, [.. dialect.ShownTokens(hasTools: true)]);
        var parser = dialect.Parser(new ToolTypes([TemplateFixtures.Weather]), string.Empty, []);
        var buffer = new byte[64];
        Assert.That(
            ParserRun.Of(parser, ids[..^1].Select(id => Encoding.UTF8.GetString(buffer, 0, detokenizer.Append(id, buffer)))),
            Is.EqualTo("(Hm.)[get_weather{city=\"Bonn, \\\"DE\\\"\",days=3}][get_weather{city=\"Bonn, \\\"DE\\\"\",days=3}]"));

        IEnumerable<string> Texts(IEnumerable<int> shown) => shown.Select(id => Encoding.UTF8.GetString(tokenizer.TokenBytes(id, special: true)));
    }

    /// <summary>Marks inside of calls that are control tokens are shown for the other formats that have them, as well.</summary>
    [TestCase("<|tool_call_begin|><|tool_call_argument_begin|>", "<|tool_call_argument_begin|>")]
    [TestCase("<｜tool▁call▁begin｜><｜tool▁sep｜>", "<｜tool▁sep｜>")]
    [TestCase("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")]
    public void MarksInsideOfCallsAreShown(string template, params string[] inner)
    {
        var tokenizer = Vocabulary(areVisible: false, inner);
        var shown = new ChatDialect(ChatTemplate.Parse("{{ tools }}{{ messages[0].content }}" + template), tokenizer).ShownTokens(hasTools: true);
        Assert.That(inner.Select(mark => tokenizer.Encode(mark, addSpecial: false, parseSpecial: true).Single()), Is.SubsetOf(shown));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void TextOfMessagesIsNoMark(bool areVisible)
    {
        var tokenizer = Vocabulary(areVisible);
        var marks = string.Concat(Marks);
        Assert.That(Count("x"), Is.GreaterThan(15));
        Assert.That(Count(marks), Is.EqualTo(Count("x")));

        int Count(string text)
        {
            var ids = GemmaTemplate.Template.Encode(
                tokenizer,
                [
                    new(ChatRole.User, text), new(ChatRole.Assistant, [new TextReasoningContent(text), new FunctionCallContent("callid001", "add", new Dictionary<string, object?> { ["a"] = text })]),
                    new(ChatRole.Tool, [new FunctionResultContent("callid001", text)]),
                ],
                new ChatRenderOptions { Tools = [TemplateFixtures.Add] });
            return ids.Count(id => tokenizer.KindOf(id) is TokenKind.Control or TokenKind.UserDefined);
        }
    }

    [TestCase(null, "<|tool_call>call:add{\"a\":1,\"b\":2}<tool_call|>")]
    [TestCase("{{ tools }}{{ messages[0].content }}<start_function_call>call:", "<start_function_call>call:add{\"a\":1,\"b\":2}<end_function_call>")]
    public void ARequiredCallIsHeldToItsSchema(string? template, string expected)
    {
        var dialect = new ChatDialect(template is null ? GemmaTemplate.Template : ChatTemplate.Parse(template), Vocabulary(areVisible: false));
        var grammar = ChatConstraint.Make(new ChatRequest([new(ChatRole.User, "Hi")], new GenerationOptions(), [TemplateFixtures.Add], [], true, false) { RequiredTool = "add" }, dialect, string.Empty);
        Assert.That(GrammarTesting.Accepts(grammar!, expected));
        Assert.That(GrammarTesting.Accepts(grammar!, expected + expected));
        Assert.That(GrammarTesting.Accepts(grammar!, expected.Replace("add", "sub", StringComparison.Ordinal)), Is.False);
        Assert.That(GrammarTesting.Accepts(grammar!, "<|channel>thought\nHm < <chan\n<channel|>" + expected), Is.EqualTo(template is null));
        ParserRun.CheckEverySplit(() => dialect.Parser(new ToolTypes([TemplateFixtures.Add]), string.Empty, []), expected, "[add{a=1,b=2}]");
    }

    /// <summary>A vocabulary of bytes, marks and a space.</summary>
    private static Tokenizer Vocabulary(bool areVisible, params string[] others)
    {
        string[] bytes = [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
        string[] tokens = ["<unk>", "<eos>", .. Marks, .. others, .. bytes, "▁"];
        int[] kinds = [2, 3, .. Marks.Select(mark => areVisible && Visible.Contains(mark) ? 4 : 3), .. others.Select(_ => 3), .. bytes.Select(_ => 6), 1];
        return Tokenizer.FromMetadata(new GgufMetadata(
        [
            new("tokenizer.ggml.model", GgufValue.Of("llama")), new("tokenizer.ggml.tokens", GgufValue.Of(tokens)), new("tokenizer.ggml.token_type", GgufValue.Of(kinds)),
            new("tokenizer.ggml.bos_token_id", GgufValue.Of(2U)), new("tokenizer.ggml.eos_token_id", GgufValue.Of(1U)), new("tokenizer.ggml.add_space_prefix", GgufValue.Of(false)),
        ]));
    }
}
