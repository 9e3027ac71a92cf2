using System.Collections.Immutable;
using System.Text.Json;
using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

public sealed class ChatTemplateTests
{
    [Test]
    public void EveryConversationRendersFromMessages()
    {
        Dictionary<string, ChatTemplate> templates = [];
        List<string> failures = [];
        var count = 0;
        foreach (var row in TemplateFixtures.Conversations())
        {
            if (row.GetProperty("messages").EnumerateArray().Any(message => message.GetProperty("content").ValueKind == JsonValueKind.Array))
            {
                continue; // lists of parts are joined to one text before a template sees them
            }

            count++;
            var name = row.GetProperty("template").GetString()!;
            var (begin, end) = (row.GetProperty("bos_token").GetString()!, row.GetProperty("eos_token").GetString()!);
            if (!templates.TryGetValue(name, out var template))
            {
                templates.Add(name, template = TemplateFixtures.Load(name, begin, end));
            }

            var variables = ImmutableDictionary<string, object?>.Empty;
            foreach (var property in row.EnumerateObject().Where(p => p.Name == "enable_thinking").Concat(row.TryGetProperty("extra", out var extra) ? extra.EnumerateObject() : []))
            {
                variables = variables.Add(property.Name, property.Value.Clone());
            }

            var tools = row.GetProperty("tools");
            var options = new ChatRenderOptions
            {
                AddGenerationPrompt = row.GetProperty("add_generation_prompt").GetBoolean(),
                Tools = tools.ValueKind == JsonValueKind.Array ? [.. tools.EnumerateArray().Select(TemplateFixtures.Tool)] : [],
                Variables = variables,
                Unsupported = UnsupportedByTemplate.PassThrough,
                Now = TemplateFixtures.Now,
            };
            var what = $"{name} / {row.GetProperty("case")}";
            try
            {
                var text = template.Render(TemplateFixtures.Messages(row.GetProperty("messages")), options);
                if (!row.TryGetProperty("expected", out var expected) || text != expected.GetString())
                {
                    failures.Add($"{what}:\n  expected {(row.TryGetProperty("expected", out expected) ? expected : "an error")}\n  got      {JsonSerializer.Serialize(text)}");
                }
            }
            catch (ChatTemplateException e)
            {
                if (!row.TryGetProperty("error", out _) || !e.Message.EndsWith(row.GetProperty("message").GetString()!, StringComparison.Ordinal))
                {
                    failures.Add($"{what}: {e.Message}");
                }
            }
        }

        Assert.That(failures, Is.Empty, $"{failures.Count} of {count}: {string.Join("\n", failures.Take(6))}");
        Assert.That(count, Is.GreaterThan(200));
    }

    [TestCase("CohereForAI", ToolCallFormat.CommandR, true, true, true, true, true)]
    [TestCase("NousResearch", ToolCallFormat.Hermes, true, true, true, true, true)]
    [TestCase("Qwen-QwQ", ToolCallFormat.Hermes, true, true, true, true, true)]
    [TestCase("Qwen-Qwen2.5", ToolCallFormat.Hermes, true, true, true, true, true)]
    [TestCase("Qwen-Qwen3", ToolCallFormat.Hermes, true, true, true, true, true)]
    [TestCase("deepseek", ToolCallFormat.None, true, false, true, true, true)]
    [TestCase("google", ToolCallFormat.None, false, false, false, false, false)]
    [TestCase("ibm", ToolCallFormat.Granite, true, true, false, false, true)]
    [TestCase("meetkai", ToolCallFormat.Functionary, true, true, true, true, true)]
    [TestCase("meta-llama", ToolCallFormat.LlamaJson, true, true, true, false, true)]
    [TestCase("microsoft", ToolCallFormat.None, true, false, false, false, false)]
    [TestCase("mistralai", ToolCallFormat.Mistral, true, true, true, true, true)]
    [TestCase("openai", ToolCallFormat.Harmony, true, true, true, false, true)]
    public void ProbingFindsWhatATemplateShows(string start, ToolCallFormat format, bool system, bool tools, bool calls, bool parallel, bool results)
    {
        var template = TemplateFixtures.Load(start);
        var found = template.Capabilities;
        Assert.That(
            (template.ToolCallFormat, found.SystemMessages, found.Tools, found.ToolCalls, found.ParallelToolCalls, found.ToolResults),
            Is.EqualTo((format, system, tools, calls, parallel, results)));
    }

    [Test]
    public void ProbingFindsTheShapesThatTemplatesWant()
    {
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.ArgumentsAsText), Has.Exactly(2).Items.And.Some.StartsWith("deepseek").And.Some.StartsWith("meetkai"));
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.CallsWithoutContent), Has.Exactly(1).Items.And.Some.StartsWith("deepseek"));
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.NineCharacterCallIds), Has.Exactly(1).Items.And.Some.StartsWith("mistral"));
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.EnableThinking), Has.Exactly(1).Items.And.Some.StartsWith("Qwen-Qwen3"));
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.ReasoningEffort), Has.Exactly(1).Items.And.Some.StartsWith("openai"));
        Assert.That(TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.Thinking), Has.Exactly(1).Items.And.Some.StartsWith("ibm"));
        Assert.That(ChatTemplate.Parse("{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}").Capabilities.ContentAsParts, Is.True);
    }

    [Test]
    public void WhatATemplateLacksIsRefusedByName()
    {
        var gemma = TemplateFixtures.Load("google");
        var phi = TemplateFixtures.Load("microsoft");
        List<ChatMessage> messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi")];
        Assert.That(() => gemma.Render(messages), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("system messages").And.Message.Contains("FoldIn"));
        Assert.That(() => phi.Render([messages[1]], new ChatRenderOptions { Tools = [TemplateFixtures.Weather] }), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("does not show tools"));
        Assert.That(() => phi.Render([]), Throws.TypeOf<ChatTemplateException>());
        Assert.That(() => gemma.Render([messages[1], messages[1]]), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("must alternate"));
        Assert.That(() => ChatTemplate.Parse("{% if %}"), Throws.TypeOf<ChatTemplateException>());
    }

    [Test]
    public void WhatATemplateLacksIsFoldedInWhenAsked()
    {
        var gemma = TemplateFixtures.Load("google", "<bos>");
        var options = new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn, Tools = [TemplateFixtures.Weather] };
        var text = gemma.Render(
            [
                new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi"),
                new(ChatRole.Assistant, [new FunctionCallContent("1", "get_weather", new Dictionary<string, object?> { ["city"] = "Łódź" })]),
                new(ChatRole.Tool, [new FunctionResultContent("1", "rain")]),
            ],
            options);
        Assert.That(text, Does.StartWith("<bos><start_of_turn>user\n").And.Contains("Be brief.").And.Contains("\n\nHi<end_of_turn>").And.Contains("\"get_weather\""));
        Assert.That(text, Does.Contain("<start_of_turn>model\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Łódź\"}}\n</tool_call><end_of_turn>"));
        Assert.That(text, Does.EndWith("<start_of_turn>user\n<tool_response>\nrain\n</tool_response><end_of_turn>\n<start_of_turn>model\n"));

        Assert.That(
            TemplateFixtures.Load("deepseek").Render([new(ChatRole.User, "Hi")], options), Does.Contain("\"get_weather\"").And.Contains("<｜tool▁call▁begin｜>function<｜tool▁sep｜>"), "in the model's own form");

        var granite = TemplateFixtures.Load("ibm").Render(
            [new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new FunctionCallContent("1", "f", new Dictionary<string, object?> { ["x"] = 1 })]), new(ChatRole.Tool, [new FunctionResultContent("1", 5)])],
            options with { Unsupported = UnsupportedByTemplate.Refuse });
        Assert.That(granite, Does.Contain("assistant<|end_of_role|><|tool_call|>[{\"name\": \"f\", \"arguments\": {\"x\": 1}}]<|end_of_text|>").And.Contains("tool<|end_of_role|>5<|end_of_text|>"));
    }

    [Test]
    public void ResultsInSeveralMessagesAreFoldedIntoOne()
    {
        var text = TemplateFixtures.Load("google").Render(
            [
                new(ChatRole.User, "Both"),
                new(ChatRole.Assistant, [new FunctionCallContent("1", "get_weather", new Dictionary<string, object?>()), new FunctionCallContent("2", "add", new Dictionary<string, object?>())]),
                new(ChatRole.Tool, [new FunctionResultContent("1", "rain")]), new(ChatRole.Tool, [new FunctionResultContent("2", "three")]),
            ],
            new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn, Tools = [TemplateFixtures.Weather, TemplateFixtures.Add] });
        Assert.That(text, Does.EndWith("<start_of_turn>user\n<tool_response>\nrain\n</tool_response>\n<tool_response>\nthree\n</tool_response><end_of_turn>\n<start_of_turn>model\n"));
    }

    [Test]
    public void WhatTheUserSaysBehindFoldedResultsStaysInTheirMessage()
    {
        var text = TemplateFixtures.Load("google").Render(
            [
                new(ChatRole.User, "Weather?"), new(ChatRole.Assistant, [new FunctionCallContent("1", "get_weather", new Dictionary<string, object?>())]),
                new(ChatRole.Tool, [new FunctionResultContent("1", "rain")]), new(ChatRole.User, "And tomorrow?"),
            ],
            new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn, Tools = [TemplateFixtures.Weather] });
        Assert.That(text, Does.EndWith("<start_of_turn>user\n<tool_response>\nrain\n</tool_response>\n\nAnd tomorrow?<end_of_turn>\n<start_of_turn>model\n"));
    }

    /// <summary>As a chat reducer asks for a summary.</summary>
    [Test]
    public void ASystemMessageBehindAnAnswerIsSaidByTheUser()
    {
        var text = TemplateFixtures.Load("google").Render(
            [new(ChatRole.User, "question"), new(ChatRole.Assistant, "answer"), new(ChatRole.System, "Summarize.")], new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn });
        Assert.That(text, Does.EndWith("user\nquestion<end_of_turn>\n<start_of_turn>model\nanswer<end_of_turn>\n<start_of_turn>user\nSummarize.<end_of_turn>\n<start_of_turn>model\n"));
    }

    [Test]
    public void NoSystemMessageIsLostWhereATemplateShowsOnlyTheFirst()
    {
        ChatMessage[] leading = [new(ChatRole.System, "first-system"), new(ChatRole.System, "second-system"), new(ChatRole.User, "question")];
        ChatMessage[] late = [leading[0], leading[2], new(ChatRole.Assistant, "answer"), new(ChatRole.System, "late-system"), new(ChatRole.User, "more")];
        ChatMessage[] last = [leading[0], leading[2], new(ChatRole.System, "late-system")];
        var folds = new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn };
        Assert.Multiple(() =>
        {
            foreach (var name in TemplateFixtures.Names())
            {
                var template = TemplateFixtures.Load(name);
                Assert.That(template.Render(leading, folds), Does.Match("(?s)first-system.*second-system.*question"), name);
                Assert.That(template.Render(late, folds), Does.Match("(?s)question.*answer.*late-system.*more").And.Contains("first-system"), name);
                Assert.That(template.Render(last, folds), Does.Contain("first-system").And.Contains("late-system").And.Contains("question"), name);
                if (template.Capabilities.SystemMessages)
                {
                    Assert.That(template.Render(leading), Does.Match("(?s)first-system.*second-system.*question"), name);
                }

                if (template.Capabilities.LateSystemMessages)
                {
                    Assert.That(template.Render(late), Does.Contain("late-system"), name);
                }
                else
                {
                    Assert.That(() => template.Render(late), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("does not show system messages"), name);
                }
            }
        });

        var gemma = TemplateFixtures.Load("google").Render(late, folds);
        Assert.That(gemma, Does.Contain("user\nfirst-system\n\nquestion<end_of_turn>").And.Contains("user\nlate-system\n\nmore<end_of_turn>"));
        Assert.That(TemplateFixtures.Load("google").Render(last, folds), Does.Contain("user\nfirst-system\n\nquestion\n\nlate-system<end_of_turn>"));
        Assert.That(() => TemplateFixtures.Load("google").Render([leading[0]], folds), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("no user message"));
    }

    [Test]
    public void ToolsGoIntoTheSystemMessageOfTemplatesThatReadThemThere()
    {
        const string source = "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{{ m['content'] }}{% if 'tools' in m and m['tools'] is not none %}{{ '<|tool|>' + m['tools'] + '<|/tool|>' }}{% endif %}{{ '<|end|>' }}{% endfor %}";
        var template = ChatTemplate.Parse(source);
        Assert.That(template.ToolCallFormat, Is.EqualTo(ToolCallFormat.Granite), "as Phi 4 mini answers");
        var options = new ChatRenderOptions { Tools = [TemplateFixtures.Add] };
        Assert.That(template.Render([new(ChatRole.User, "Hi")], options), Does.StartWith("<|system|><|tool|>[{\"name\": \"add\", \"description\": \"Add two numbers.\", \"parameters\": {").And.EndsWith("}]<|/tool|><|end|><|user|>Hi<|end|>"));
        Assert.That(template.Render([new(ChatRole.System, "S"), new(ChatRole.User, "Hi")], options), Does.StartWith("<|system|>S<|tool|>[{\"name\""));
        Assert.That(template.Render([new(ChatRole.User, "Hi")]), Is.EqualTo("<|user|>Hi<|end|>"));
    }

    [Test]
    public void ADevelopersMessageIsASystemMessageWhereTheTemplateKnowsNoDeveloper()
    {
        ChatMessage[] messages = [new(new ChatRole("developer"), "Be brief."), new(ChatRole.User, "Hi")];
        Assert.That(TemplateFixtures.Load("Qwen-Qwen3").Render(messages), Does.StartWith("<|im_start|>system\nBe brief.<|im_end|>"));
        Assert.That(TemplateFixtures.Load("openai").Render(messages), Does.Contain("<|start|>developer<|message|># Instructions\n\nBe brief."));
        Assert.That(() => TemplateFixtures.Load("google").Render(messages), Throws.TypeOf<ChatTemplateException>());
    }

    [Test]
    public void ParallelCallsAreTakenApartForTemplatesThatShowOneAMessage()
    {
        List<ChatMessage> messages =
        [
            new(ChatRole.User, "Both"),
            new(ChatRole.Assistant, [new FunctionCallContent("1", "get_weather", new Dictionary<string, object?> { ["city"] = "Bonn" }), new FunctionCallContent("2", "add", new Dictionary<string, object?> { ["a"] = 1 })]),
            new(ChatRole.Tool, [new FunctionResultContent("2", "three"), new FunctionResultContent("1", "rain")]),
        ];
        var text = TemplateFixtures.Load("meta-llama").Render(messages);
        var places = new[] { "get_weather", "rain", "add", "three" }.Select(part => text.IndexOf(part, StringComparison.Ordinal)).ToArray();
        Assert.That(places, Is.Ordered.And.All.GreaterThan(0), text);
        Assert.That(messages[1].Contents, Has.Count.EqualTo(2), "the caller's messages are not changed");
    }

    [Test]
    public void CallIdsFitTheTemplate()
    {
        List<ChatMessage> messages =
        [
            new(ChatRole.User, "Go"),
            new(ChatRole.Assistant, [new FunctionCallContent("call_0123456789abcdef", "f", new Dictionary<string, object?>())]),
            new(ChatRole.Tool, [new FunctionResultContent("call_0123456789abcdef", "x")]),
        ];
        var text = TemplateFixtures.Load("mistralai").Render(messages);
        Assert.That(text, Does.Match("\"id\": \"([0-9a-z]{9})\".*\"call_id\": \"\\1\""));
    }

    /// <summary>As Kimi K2's does: without the name in the id the model would not see what it has called.</summary>
    [Test]
    public void IdsNameTheToolWhereATemplateShowsACallByItsIdAlone()
    {
        var template = ChatTemplate.Parse(
            "{{ tools | tojson if tools }}{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'tool' %}Return of {{ m.tool_call_id }}: {% endif %}{{ m.content }}"
            + "{% for c in m.tool_calls or [] %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>{{ c.function.arguments | tojson }}<|tool_call_end|>{% endfor %}{% endfor %}");
        Assert.That((template.ToolCallFormat, template.Capabilities.ToolCalls, template.Capabilities.ToolResults), Is.EqualTo((ToolCallFormat.Kimi, true, true)));
        var text = template.Render(
            [
                new(ChatRole.User, "Go"),
                new(ChatRole.Assistant, [new FunctionCallContent("abc", "f", new Dictionary<string, object?>()), new FunctionCallContent("def", "g", new Dictionary<string, object?> { ["x"] = 1 })]),
                new(ChatRole.Tool, [new FunctionResultContent("def", "two"), new FunctionResultContent("abc", "one")]),
                new(ChatRole.Assistant, [new FunctionCallContent("ghi", "f", new Dictionary<string, object?>())]),
            ],
            new ChatRenderOptions { AddGenerationPrompt = false });
        Assert.That(text, Is.EqualTo(
            "<|user|>Go<|assistant|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_call_begin|>functions.g:1<|tool_call_argument_begin|>{\"x\": 1}<|tool_call_end|>"
            + "<|tool|>Return of functions.g:1: two<|tool|>Return of functions.f:0: one<|assistant|><|tool_call_begin|>functions.f:2<|tool_call_argument_begin|>{}<|tool_call_end|>"));
    }

    [Test]
    public void AParameterWithoutADescriptionDoesNotStopATemplateThatWantsOne()
    {
        var tool = AIFunctionFactory.Create((string city, int? days) => city, "forecast", "Says the weather.");
        foreach (var name in TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name).Capabilities.Tools))
        {
            Assert.That(TemplateFixtures.Load(name).Render([new(ChatRole.User, "Hi")], new ChatRenderOptions { Tools = [tool] }), Does.Contain("forecast"), name);
        }
    }

    [Test]
    public void TypesThatAreNoTextsDoNotStopATemplateThatWantsADescription()
    {
        var template = ChatTemplate.Parse("{% for t in tools or [] %}{{ t.function.name }}{% for name, p in t.function.parameters.properties.items() %}{{ name + p.description + p.type }}{% endfor %}{% endfor %}{{ messages[0].content }}");
        var tool = AIFunctionFactory.CreateDeclaration("f", "", JsonDocument.Parse("""{"properties":{"a":{"type":[1,null,"null","string"]},"b":{"type":[{}]}}}""").RootElement);
        Assert.That(template.Render([new(ChatRole.User, "Hi")], new ChatRenderOptions { Tools = [tool] }), Is.EqualTo("fastringbnullHi"));
    }

    [Test]
    public void ReasoningGoesWhereTheTemplateReadsIt()
    {
        List<ChatMessage> messages =
        [
            new(ChatRole.User, "Go"),
            new(ChatRole.Assistant, [new TextReasoningContent("because"), new FunctionCallContent("callid001", "f", new Dictionary<string, object?>())]),
            new(ChatRole.Tool, [new FunctionResultContent("callid001", "x")]),
        ];
        Assert.That(TemplateFixtures.Load("Qwen-Qwen3").Render(messages), Does.Contain("<think>\nbecause\n</think>"));
        Assert.That(TemplateFixtures.Load("openai").Render(messages), Does.Contain("<|channel|>analysis<|message|>because<|end|>"));
        messages[1].Contents.Add(new TextContent("I will look."));
        Assert.That(TemplateFixtures.Load("openai").Render(messages), Does.Contain("because\n\nI will look."));
    }

    /// <summary>Texts that are folded into one message are joined once, not one after another.</summary>
    [TestCase("{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('no') }}{% endif %}{{ m.content }}|{% endfor %}", 1)]
    [TestCase("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}|{% endfor %}", 0)]
    public void ManySystemMessagesTakeLinearTime(string source, int systemMessages)
    {
        var template = ChatTemplate.Parse(source);
        ChatMessage[] messages = [.. Enumerable.Range(0, 20_000).Select(i => new ChatMessage(ChatRole.System, new string('x', 498))), new(ChatRole.User, "Hi")];
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var text = template.Render(messages, new ChatRenderOptions { Unsupported = UnsupportedByTemplate.FoldIn });
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(text, Does.EndWith(systemMessages > 0 ? "x|Hi|" : "x\n\nHi|").And.Length.EqualTo((20_000 * 500) + 2 + (systemMessages > 0 ? 0 : 1)));
    }

    [Test]
    public void ContentThatCannotBeShownIsRefusedByName()
    {
        var template = TemplateFixtures.Load("Qwen-Qwen3");
        Assert.That(
            () => template.Render([new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])]),
            Throws.TypeOf<ChatOptionException>().With.Property(nameof(ChatOptionException.Member)).EqualTo(nameof(DataContent)));
        Assert.That(() => template.Render([new(ChatRole.User, [new UriContent("http://localhost/x.png", "image/png")])]), Throws.TypeOf<ChatOptionException>().With.Message.Contains(nameof(UriContent)));
    }
}
