using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using Abi.Llm.Chat;
using Abi.Llm.Sampling;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

public sealed class AbiChatClientTests
{
    private static readonly ChatMessage[] Hi = [new(ChatRole.User, "Hi")];

    /// <summary>Every member of ChatOptions, with a value that is honoured (checked on what reached the model) or refused (named in the error).</summary>
    private static readonly Dictionary<string, Func<Task>> Members = new()
    {
        [nameof(ChatOptions.Temperature)] = () => Honoured(new() { Temperature = 0.3f }, options => options.Sampling.Temperature, 0.3f),
        [nameof(ChatOptions.TopP)] = () => Honoured(new() { TopP = 0.5f }, options => options.Sampling.TopP, 0.5f),
        [nameof(ChatOptions.TopK)] = () => Honoured(new() { TopK = 7 }, options => options.Sampling.TopK, 7),
        [nameof(ChatOptions.Seed)] = () => Honoured(new() { Seed = 99 }, options => options.Sampling.Seed, 99L),
        [nameof(ChatOptions.MaxOutputTokens)] = () => Honoured(new() { MaxOutputTokens = 12 }, options => options.MaximumTokens, 12),
        [nameof(ChatOptions.FrequencyPenalty)] = () => Honoured(new() { FrequencyPenalty = 0.25f }, options => options.Sampling.FrequencyPenalty, 0.25f),
        [nameof(ChatOptions.PresencePenalty)] = () => Honoured(new() { PresencePenalty = 0.75f }, options => options.Sampling.PresencePenalty, 0.75f),
        [nameof(ChatOptions.StopSequences)] = () => Honoured(new() { StopSequences = ["END", "STOP"] }, options => string.Join("|", options.StopStrings), "END|STOP"),
        [nameof(ChatOptions.ModelId)] = async () =>
        {
            await Honoured(new() { ModelId = "SCRIPTED" }, options => true, true);
            await Refused(new() { ModelId = "gpt-9" }, "ModelId");
        },
        [nameof(ChatOptions.Instructions)] = async () =>
        {
            Assert.That((await Ask(new() { Instructions = "Be brief." })).Prompt, Does.Contain("system\nBe brief."));
            Assert.That((await Ask(new() { Instructions = "Be brief." }, [new(ChatRole.System, "You are kind."), .. Hi])).Prompt, Does.Contain("system\nBe brief.\n\nYou are kind."));
        },
        [nameof(ChatOptions.ConversationId)] = () => Refused(new() { ConversationId = "c1" }, "ConversationId"),
        [nameof(ChatOptions.AllowBackgroundResponses)] = async () =>
        {
            await Refused(new() { AllowBackgroundResponses = true }, "AllowBackgroundResponses");
            await Honoured(new() { AllowBackgroundResponses = false }, options => true, true);
        },
        [nameof(ChatOptions.ContinuationToken)] = () => Refused(new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) }, "ContinuationToken"),
        [nameof(ChatOptions.ResponseFormat)] = async () =>
        {
            await Honoured(new() { ResponseFormat = ChatResponseFormat.Text }, options => options.Grammar, null);
            await Honoured(new() { ResponseFormat = ChatResponseFormat.Json }, options => options.Grammar is not null, true);
            await Honoured(new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse("{\"type\":\"array\"}").RootElement) }, options => options.Grammar is not null, true);
        },
        [nameof(ChatOptions.Reasoning)] = async () =>
        {
            Assert.That((await Ask(new() { Reasoning = new() { Effort = ReasoningEffort.None } })).Prompt, Does.EndWith("<think>\n\n</think>\n\n"));
            Assert.That((await Ask(new() { Reasoning = new() { Effort = ReasoningEffort.High } })).Prompt, Does.EndWith("assistant\n"));
            Assert.That((await Ask(new() { Reasoning = new() { Effort = ReasoningEffort.High } }, template: TemplateFixtures.Load("openai"))).Prompt, Does.Contain("Reasoning: high"));
            await Refused(new() { Reasoning = new() { Effort = ReasoningEffort.High } }, "Reasoning.Effort", TemplateFixtures.Load("microsoft"));
            await Refused(new() { Reasoning = new() { Effort = ReasoningEffort.None } }, "Reasoning.Effort", TemplateFixtures.Load("openai"));
            await Refused(new() { Reasoning = new() { Output = ReasoningOutput.Summary } }, "Reasoning.Output");
            var shown = await ScriptedBackend.Client(new ScriptedBackend("<think>a</think>b")).GetResponseAsync(Hi);
            var hidden = await ScriptedBackend.Client(new ScriptedBackend("<think>a</think>b")).GetResponseAsync(Hi, new() { Reasoning = new() { Output = ReasoningOutput.None } });
            Assert.That(shown.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text, Is.EqualTo("a"));
            Assert.That(hidden.Messages[0].Contents.OfType<TextReasoningContent>(), Is.Empty);
        },
        [nameof(ChatOptions.Tools)] = async () =>
        {
            Assert.That((await Ask(new() { Tools = [TemplateFixtures.Weather] })).Prompt, Does.Contain("\"get_weather\""));
            await Refused(new() { Tools = [new HostedWebSearchTool()] }, "Tools");
            await Refused(new() { Tools = [TemplateFixtures.Weather, TemplateFixtures.Weather] }, "Tools");
        },
        [nameof(ChatOptions.ToolMode)] = async () =>
        {
            Assert.That((await Ask(new() { Tools = [TemplateFixtures.Weather], ToolMode = ChatToolMode.Auto })).Prompt, Does.Contain("get_weather"));
            Assert.That((await Ask(new() { Tools = [TemplateFixtures.Weather], ToolMode = ChatToolMode.None })).Prompt, Does.Not.Contain("get_weather"));
            await Honoured(new() { Tools = [TemplateFixtures.Weather], ToolMode = ChatToolMode.Auto }, options => options.Grammar, null);
            await Honoured(new() { Tools = [TemplateFixtures.Weather], ToolMode = ChatToolMode.RequireAny }, options => options.Grammar is not null, true);
            await Refused(new() { ToolMode = ChatToolMode.RequireAny }, "ToolMode");
        },
        [nameof(ChatOptions.AllowMultipleToolCalls)] = async () =>
        {
            const string two = "<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call><tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call> and so on";
            var backend = new ScriptedBackend(two);
            var one = await ScriptedBackend.Client(backend).GetResponseAsync(Hi, new() { Tools = [TemplateFixtures.Add], AllowMultipleToolCalls = false });
            Assert.That(one.Messages[0].Contents.OfType<FunctionCallContent>().Count(), Is.EqualTo(1));
            Assert.That(one.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
            Assert.That(one.Usage!.OutputTokenCount, Is.EqualTo(backend.PiecesRead).And.LessThan(two.Length / 3), "the rest was not generated");
            var both = await ScriptedBackend.Client(new ScriptedBackend(two)).GetResponseAsync(Hi, new() { Tools = [TemplateFixtures.Add] });
            Assert.That(both.Messages[0].Contents.OfType<FunctionCallContent>().Count(), Is.EqualTo(2));
        },
        [nameof(ChatOptions.RawRepresentationFactory)] = async () =>
        {
            await Honoured(new() { RawRepresentationFactory = _ => new GenerationOptions { LogProbabilities = 3 } }, options => options.LogProbabilities, 3);
            await Honoured(new() { RawRepresentationFactory = _ => null }, options => options.LogProbabilities, null);
            await Refused(new() { RawRepresentationFactory = _ => "x" }, "RawRepresentationFactory");
        },
        [nameof(ChatOptions.AdditionalProperties)] = async () =>
        {
            await Honoured(new() { AdditionalProperties = new() { ["min_p"] = 0.1, ["repeat_last_n"] = 5L } }, options => (options.Sampling.MinP, options.Sampling.PenaltyWindow), (0.1f, 5));
            await Refused(new() { AdditionalProperties = new() { ["min-p"] = 0.1 } }, "AdditionalProperties[\"min-p\"]");
            await Refused(new() { AdditionalProperties = new() { ["min_p"] = "much" } }, "AdditionalProperties[\"min_p\"]");
            Assert.That((await Ask(new() { AdditionalProperties = new() { ["chat_template_kwargs"] = JsonDocument.Parse("{\"enable_thinking\": false}").RootElement } })).Prompt, Does.EndWith("</think>\n\n"));
            foreach (var reserved in new[] { "messages", "tools", "bos_token", "eos_token" })
            {
                await Refused(new() { AdditionalProperties = new() { ["chat_template_kwargs"] = new Dictionary<string, object?> { [reserved] = "x" } } }, "AdditionalProperties[\"chat_template_kwargs\"]");
            }
        },
    };

    public static IEnumerable<string> AllMembers() => typeof(ChatOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name);

    [TestCaseSource(nameof(AllMembers))]
    public async Task EveryMemberOfTheOptionsIsHonouredOrRefusedByName(string member)
    {
        Assert.That(Members, Does.ContainKey(member), "a member that this client does not know");
        await Members[member]();
    }

    [Test]
    public async Task EveryAdditionalPropertyReachesItsOption()
    {
        var properties = new AdditionalPropertiesDictionary();
        foreach (var key in AdditionalChatOptions.Keys)
        {
            properties[key] = key switch
            {
                "chat_template_kwargs" => new Dictionary<string, object?> { ["enable_thinking"] = false },
                "dry_sequence_breakers" => new[] { "x" },
                "logit_bias" => new Dictionary<int, float> { [5] = -1.5f },
                "ignore_eos" => true,
                "mirostat" => 2,
                _ => JsonDocument.Parse("0.375").RootElement,
            };
            if (key is "dry_allowed_length" or "dry_penalty_last_n" or "min_keep" or "repeat_last_n")
            {
                properties[key] = 9;
            }
        }

        var sent = (await Ask(new() { AdditionalProperties = properties })).Options;
        var defaults = new SamplingOptions();
        HashSet<string> untouched =
        [
            nameof(SamplingOptions.Temperature), nameof(SamplingOptions.TopK), nameof(SamplingOptions.TopP), nameof(SamplingOptions.FrequencyPenalty), nameof(SamplingOptions.PresencePenalty),
            nameof(SamplingOptions.Seed), nameof(SamplingOptions.Order), nameof(SamplingOptions.Processors),
        ];
        foreach (var property in typeof(SamplingOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => !untouched.Contains(property.Name)))
        {
            Assert.That(property.GetValue(sent.Sampling), Is.Not.EqualTo(property.GetValue(defaults)), property.Name);
        }

        Assert.That(sent.IgnoreEndOfGeneration, Is.True);
        Assert.That(sent.Sampling.LogitBias, Is.EqualTo(ImmutableDictionary<int, float>.Empty.Add(5, -1.5f)));
    }

    [Test]
    public async Task UnknownPropertiesArePassedOverWhenAsked()
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("x"), options: new AbiChatClientOptions { IgnoreUnknownProperties = true });
        Assert.That((await client.GetResponseAsync(Hi, new() { AdditionalProperties = new() { ["trace"] = 1 } })).Text, Is.EqualTo("x"));
    }

    [TestCase(-0.1f, null, null, null)]
    [TestCase(null, 1.5f, null, null)]
    [TestCase(null, null, 0, null)]
    [TestCase(null, null, null, float.NaN)]
    public void ValuesOutOfRangeAreRefusedByName(float? temperature, float? topP, int? maximum, float? penalty)
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("x"));
        var exception = Assert.ThrowsAsync<ChatOptionException>(() => client.GetResponseAsync(Hi, new() { Temperature = temperature, TopP = topP, MaxOutputTokens = maximum, PresencePenalty = penalty }))!;
        Assert.That(exception.Member, Is.EqualTo("ChatOptions." + (temperature is not null ? "Temperature" : topP is not null ? "TopP" : maximum is not null ? "MaxOutputTokens" : "PresencePenalty")));
    }

    [Test]
    public async Task AResponseCarriesWhatUsersNeed()
    {
        var before = DateTimeOffset.UtcNow.AddSeconds(-1);
        var response = await ScriptedBackend.Client(new ScriptedBackend("<think>\nHm\n</think>\n\nHello there.")).GetResponseAsync(Hi, new() { Seed = 4 });
        Assert.That(response.Text, Is.EqualTo("Hello there."));
        Assert.That(response.Messages, Has.Count.EqualTo(1));
        Assert.That(response.Messages[0].Role, Is.EqualTo(ChatRole.Assistant));
        Assert.That(response.Messages[0].MessageId, Is.Not.Null.And.Not.Empty);
        Assert.That(response.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text, Is.EqualTo("Hm"));
        Assert.That((response.FinishReason, response.ModelId), Is.EqualTo((ChatFinishReason.Stop, "scripted")));
        Assert.That(response.ResponseId, Is.Not.Null.And.Not.Empty);
        Assert.That(response.CreatedAt, Is.GreaterThan(before));
        var usage = response.Usage!;
        Assert.That(usage.OutputTokenCount, Is.GreaterThan(5));
        Assert.That(usage.InputTokenCount, Is.GreaterThan(3));
        Assert.That((usage.CachedInputTokenCount, usage.TotalTokenCount), Is.EqualTo(((long?)5, usage.InputTokenCount + usage.OutputTokenCount)));
        Assert.That(usage.ReasoningTokenCount, Is.GreaterThan(2).And.LessThan(usage.OutputTokenCount!));
        Assert.That(response.AdditionalProperties!["seed"], Is.EqualTo(4L));
    }

    [Test]
    public async Task AStreamEndsWithReasonAndUsage()
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (var update in ScriptedBackend.Client(new ScriptedBackend("Hello there, you.")).GetStreamingResponseAsync(Hi))
        {
            updates.Add(update);
        }

        Assert.That(string.Concat(updates.Select(update => update.Text)), Is.EqualTo("Hello there, you."));
        Assert.That(updates, Has.Count.GreaterThan(4));
        Assert.That(updates.Select(update => (update.ResponseId, update.MessageId, update.Role, update.ModelId)).Distinct().Count(), Is.EqualTo(1));
        Assert.That(updates[..^1].Select(update => update.FinishReason), Is.All.Null);
        Assert.That(updates[^1].FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(updates[^1].Contents.Single(), Is.TypeOf<UsageContent>());
        Assert.That(updates[^1].RawRepresentation, Is.TypeOf<GenerationOutcome>());
    }

    [TestCase(FinishReason.StopToken, "stop")]
    [TestCase(FinishReason.StopString, "stop")]
    [TestCase(FinishReason.Length, "length")]
    [TestCase(FinishReason.ContextFull, "length")]
    public async Task FinishReasonsAreNamedAsUsual(FinishReason reason, string expected) =>
        Assert.That((await ScriptedBackend.Client(new ScriptedBackend("x") { FinishReason = reason }).GetResponseAsync(Hi)).FinishReason!.Value.Value, Is.EqualTo(expected));

    [Test]
    public async Task ACallIsStreamedWholeAndNothingOfItLeaks()
    {
        const string output = "I look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Łódź\", \"days\": 2}}\n</tool_call>";
        for (var length = 1; length <= output.Length; length++)
        {
            List<ChatResponseUpdate> updates = [];
            await foreach (var update in ScriptedBackend.Client(new ScriptedBackend(output) { PieceLength = length }).GetStreamingResponseAsync(Hi, new() { Tools = [TemplateFixtures.Weather] }))
            {
                updates.Add(update);
            }

            Assert.That(string.Concat(updates.Select(update => update.Text)), Is.EqualTo("I look."));
            var call = updates.SelectMany(update => update.Contents).OfType<FunctionCallContent>().Single();
            Assert.That((call.Name, call.Arguments!["city"]!.ToString(), ((JsonElement)call.Arguments["days"]!).GetInt32(), call.CallId.Length), Is.EqualTo(("get_weather", "Łódź", 2, 9)));
            Assert.That(updates[^1].FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        }
    }

    [Test]
    public async Task AConversationWithToolsGoesBackIntoTheTemplate()
    {
        var backend = new ScriptedBackend("<think>Look.</think><tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Bonn\"}}</tool_call>", "It rains.");
        var client = ScriptedBackend.Client(backend);
        var options = new ChatOptions { Tools = [TemplateFixtures.Weather] };
        List<ChatMessage> history = [.. Hi];
        var first = await client.GetResponseAsync(history, options);
        history.AddMessages(first);
        var call = first.Messages[0].Contents.OfType<FunctionCallContent>().Single();
        history.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, new Dictionary<string, object?> { ["sky"] = "rain" })]));
        Assert.That((await client.GetResponseAsync(history, options)).Text, Is.EqualTo("It rains."));
        Assert.That(backend.Requests.Last().Prompt, Does.Contain("<think>\nLook.\n</think>\n\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Bonn\"}}\n</tool_call>").And.Contains("<tool_response>\n{\"sky\": \"rain\"}\n</tool_response>"));
    }

    [Test]
    public async Task AModelThatGivesEveryCallTheSameIdGetsOthersForIt()
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("<tool_call>{\"id\": \"0\", \"name\": \"get_weather\", \"arguments\": {\"city\": \"Bonn\"}}</tool_call>"));
        var options = new ChatOptions { Tools = [TemplateFixtures.Weather] };
        List<ChatMessage> history = [.. Hi];
        List<string> ids = [];
        for (var round = 0; round < 3; round++)
        {
            var response = await client.GetResponseAsync(history, options);
            history.AddMessages(response);
            ids.Add(response.Messages[0].Contents.OfType<FunctionCallContent>().Single().CallId);
            history.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(ids[^1], "rain")]));
        }

        Assert.That(ids, Is.Unique, "invoking clients match calls, results and approvals by the id, over the whole history");
        Assert.That(ids[0], Is.EqualTo("0"));
    }

    /// <summary>A function-invoking client leaves its questions and the user's answers in the history, with the call that both are about.</summary>
    [TestCase(true, TestName = "SettledApprovalsSayNothingToTheModel(marked)")]
    [TestCase(false, TestName = "SettledApprovalsSayNothingToTheModel(answered)")]
    public async Task SettledApprovalsSayNothingToTheModel(bool isMarked)
    {
        var call = new FunctionCallContent("a", "get_weather", new Dictionary<string, object?> { ["city"] = "Bonn" }) { InformationalOnly = isMarked };
        var request = new ToolApprovalRequestContent("q", call);
        ChatMessage[] settled =
        [
            new(ChatRole.User, "Rain?"), new(ChatRole.Assistant, [new TextContent("May I?"), request]), new(ChatRole.User, [request.CreateResponse(approved: true)]),
            new(ChatRole.Assistant, [new FunctionCallContent("a", "get_weather", call.Arguments)]), new(ChatRole.Tool, [new FunctionResultContent("a", "rain")]), new(ChatRole.User, "Sure?"),
        ];
        ChatMessage[] plain = [settled[0], new(ChatRole.Assistant, "May I?"), .. settled[3..]];
        var options = new ChatOptions { Tools = [TemplateFixtures.Weather] };
        Assert.That((await Ask(options, settled)).Prompt, Is.EqualTo((await Ask(options, plain)).Prompt));

        var open = new ToolApprovalRequestContent("p", new FunctionCallContent("b", "get_weather"));
        Assert.That(() => Ask(options, [.. settled, new(ChatRole.Assistant, [open])]), Throws.TypeOf<ChatOptionException>().With.Message.Contains(nameof(ToolApprovalRequestContent)));
    }

    [Test]
    public async Task WithoutALimitTheResponseMayFillTheContext()
    {
        var (_, ids, options) = await Ask(null);
        Assert.That(options.MaximumTokens, Is.EqualTo(4096 - ids.Length));
    }

    [Test]
    public void CancellingEndsAStream()
    {
        using var stop = new CancellationTokenSource();
        Assert.That(
            async () =>
            {
                await foreach (var update in ScriptedBackend.Client(new ScriptedBackend(new string('x', 1000))).GetStreamingResponseAsync(Hi, cancellationToken: stop.Token))
                {
                    await stop.CancelAsync();
                }
            },
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void ServicesAreFound()
    {
        var backend = new ScriptedBackend("x");
        var client = ScriptedBackend.Client(backend);
        Assert.That(client.GetService<ChatClientMetadata>(), Has.Property("ProviderName").EqualTo("abi").And.Property("DefaultModelId").EqualTo("scripted"));
        Assert.That(client.GetService<IChatClient>(), Is.SameAs(client));
        Assert.That(client.GetService<AbiChatClient>(), Is.SameAs(client));
        Assert.That(client.GetService<ChatTemplate>(), Is.SameAs(client.Template));
        Assert.That(client.GetService(typeof(AbiChatClient), "key"), Is.Null);
        Assert.That(client.GetService<string>(), Is.Null);
        client.Dispose();
        Assert.That(backend.IsDisposed, Is.True);
    }

    [Test]
    public async Task ManyRequestsAtOnceDoNotMix()
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("<think>a</think>Hello."));
        var responses = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.GetResponseAsync(Hi, new() { Tools = [TemplateFixtures.Weather] })));
        Assert.That(responses.Select(response => response.Text), Is.All.EqualTo("Hello."));
        Assert.That(responses.Select(response => response.ResponseId), Is.Unique);
    }

    [Test]
    public async Task EveryTemplateAnswersAndCallsThroughTheClient()
    {
        foreach (var name in TemplateFixtures.Names())
        {
            var template = TemplateFixtures.Load(name);
            var options = new AbiChatClientOptions { Unsupported = UnsupportedByTemplate.FoldIn };
            var format = new ChatDialect(template, ScriptedBackend.PhiTokenizer).Format;
            var output = format switch
            {
                ToolCallFormat.LlamaJson => "{\"name\": \"add\", \"parameters\": {\"a\": 1}}",
                ToolCallFormat.Mistral => "[TOOL_CALLS][{\"name\": \"add\", \"arguments\": {\"a\": 1}}]",
                ToolCallFormat.Functionary => "<function=add>{\"a\": 1}</function>",
                ToolCallFormat.CommandR => "Action:\n```json\n[{\"tool_name\": \"add\", \"parameters\": {\"a\": 1}}]```",
                ToolCallFormat.DeepSeek => "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                ToolCallFormat.Granite => "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]",
                ToolCallFormat.Harmony => "<|channel|>commentary to=functions.add <|constrain|>json<|message|>{\"a\": 1}",
                _ => "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call>",
            };
            output = template.Source.Contains("<think>\\n' }}", StringComparison.Ordinal) || name.StartsWith("deepseek", StringComparison.Ordinal) || name.StartsWith("Qwen-QwQ", StringComparison.Ordinal) ? "Hm.</think>" + output : output;
            var response = await ScriptedBackend.Client(new ScriptedBackend(output), template, options).GetResponseAsync([new(ChatRole.System, "S."), .. Hi], new() { Tools = [TemplateFixtures.Add] });
            Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls), $"{name}: {response.Text}");
            Assert.That(response.Text, Is.Empty, name);
        }
    }

    [Test]
    public async Task ATemplateThatShowsToolsInAnUnknownWayIsReadInTheCommonOnes()
    {
        var template = ChatTemplate.Parse("{% for t in tools %}{{ t | tojson }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}");
        foreach (var output in new[] { "{\"name\": \"add\", \"arguments\": {\"a\": 1}}", "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call>" })
        {
            var response = await ScriptedBackend.Client(new ScriptedBackend(output), template).GetResponseAsync(Hi, new() { Tools = [TemplateFixtures.Add] });
            Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        }
    }

    /// <summary>Command R is told to call <c>directly-answer</c> where it needs no tool, and answers to its other template.</summary>
    [Test]
    public async Task AModelThatDeclinesToolsIsAskedAgainWithoutThem([Values] bool isStreaming)
    {
        const string Declines = "Action:\n```json\n[\n    {\n        \"tool_name\": \"directly-answer\",\n        \"parameters\": {}\n    }\n]```";
        var backend = new ScriptedBackend(Declines, "It is 12 degrees.");
        var plain = ChatTemplate.Parse("{% for message in messages %}{% if message.role not in ['user', 'assistant'] %}{{ raise_exception('no ' + message.role) }}{% endif %}[{{ message.role }}]{{ message.content }}{% endfor %}");
        using var client = new AbiChatClient(backend, "scripted", plain, TemplateFixtures.Load("CohereForAI"), new AbiChatClientOptions());
        ChatMessage[] messages =
        [
            .. Hi, new(ChatRole.Assistant, [new FunctionCallContent("call00001", "get_weather", new Dictionary<string, object?> { ["city"] = "Bonn" })]), new(ChatRole.Tool, [new FunctionResultContent("call00001", "12 degrees")]),
        ];
        var options = new ChatOptions { Tools = [TemplateFixtures.Weather] };
        var response = isStreaming ? await client.GetStreamingResponseAsync(messages, options).ToChatResponseAsync() : await client.GetResponseAsync(messages, options);
        Assert.That(response.Text, Is.EqualTo("It is 12 degrees."));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(response.Messages, Has.Count.EqualTo(1));
        var (first, second) = (backend.Requests.First(), backend.Requests.Last());
        Assert.That(backend.Requests, Has.Count.EqualTo(2));
        Assert.That(first.Prompt, Does.Contain("directly-answer"));
        Assert.That(second.Prompt, Does.Contain("[user]Hi").And.Contain("12 degrees").And.Not.Contain("directly-answer"));
        Assert.That(response.Usage!.InputTokenCount, Is.EqualTo(first.Ids.Length + second.Ids.Length));
        Assert.That(response.Usage.OutputTokenCount, Is.GreaterThan(Declines.Length / backend.PieceLength), "both are counted");
    }

    private static async Task<(string Prompt, int[] Ids, GenerationOptions Options)> Ask(ChatOptions? options, ChatMessage[]? messages = null, ChatTemplate? template = null)
    {
        var backend = new ScriptedBackend("ok");
        await ScriptedBackend.Client(backend, template).GetResponseAsync(messages ?? Hi, options);
        return backend.Requests.Single();
    }

    private static async Task Honoured<T>(ChatOptions options, Func<GenerationOptions, T> read, T expected) => Assert.That(read((await Ask(options)).Options), Is.EqualTo(expected));

    private static Task Refused(ChatOptions options, string member, ChatTemplate? template = null)
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("x"), template);
        var exception = Assert.ThrowsAsync<ChatOptionException>(() => client.GetResponseAsync(Hi, options))!;
        Assert.That(exception.Member, Is.EqualTo($"ChatOptions.{member}"));
        Assert.That(exception.Message, Does.Contain(member));
        return Task.CompletedTask;
    }
}
