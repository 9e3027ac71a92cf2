using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Llm.Chat;
using Abi.Llm.Grammars;
using Abi.Llm.Models;
using Abi.Llm.Quantization;
using Abi.Llm.Tests.Engine;
using Abi.Llm.Tests.Grammars;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

/// <summary>Response formats and required calls with a model that writes nonsense: only the constraint makes its output what was asked for.</summary>
[Parallelizable]
public sealed class ConstrainedChatTests
{
    private const string Gemma = "Gemma 4";

    private static readonly ChatMessage[] Hi = [new(ChatRole.User, "Hi")];

    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"name":{"type":"string","maxLength":8},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["a","b"]},"maxItems":3}},"required":["name","age","tags"],"additionalProperties":false}""").RootElement;

    private string _path = string.Empty;
    private LanguageModel _model = null!;

    [OneTimeSetUp]
    public async Task LoadAsync()
    {
        _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        RandomModel.Write(_path, ModelShape.Parse("tiny,blocks=1,context=8192,vocabulary=700"), QuantizationTarget.Parse("F16"));
        _model = await LanguageModel.LoadAsync(_path, new ModelLoadOptions { Device = new CannedDevice() });
    }

    [OneTimeTearDown]
    public async Task UnloadAsync()
    {
        await _model.DisposeAsync();
        File.Delete(_path);
    }

    public static IEnumerable<string> Templates() => TemplateFixtures.Names();

    [TestCaseSource(nameof(Templates))]
    [TestCase(Gemma)]
    public async Task ARequiredCallIsMadeInTheModelsOwnForm(string name)
    {
        using var client = Client(name);
        for (var seed = 1; seed <= 4; seed++)
        {
            var response = await client.GetResponseAsync(Hi, Options(seed, ChatToolMode.RequireAny));
            var calls = response.Messages[0].Contents.OfType<FunctionCallContent>().ToList();
            Assert.That(calls, Is.Not.Empty, $"{name}: {Describe(response)}");
            Assert.That(response.Text, Is.Empty, name);
            Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
            calls.ForEach(Check);
        }
    }

    [TestCaseSource(nameof(Templates))]
    public async Task ANamedToolIsCalledOnce(string name)
    {
        using var client = Client(name);
        var options = Options(7, ChatToolMode.RequireSpecific("add"));
        options.AllowMultipleToolCalls = false;
        var call = (await client.GetResponseAsync(Hi, options)).Messages[0].Contents.OfType<FunctionCallContent>().Single();
        Assert.That(call.Name, Is.EqualTo("add"));
        Check(call);
    }

    /// <summary>Grammars are kept for requests that ask for the same; a tool's name can say what another request's two tools say.</summary>
    [Test]
    public async Task ANameDoesNotStandForAnothersTools()
    {
        var backend = new ScriptedBackend("no");
        using var client = ScriptedBackend.Client(backend);
        var (name, age) = (Parameters("name"), Parameters("age"));
        await AskAsync(Tool("a", name), Tool("b", age));
        await AskAsync(Tool("a", name), Tool("b", age));
        await AskAsync(Tool($"a\n{name.GetRawText()}\nb", age));
        var grammars = backend.Requests.Select(request => request.Options.Grammar).ToArray();
        Assert.That(grammars[1], Is.Not.Null.And.SameAs(grammars[0]));
        Assert.That(grammars[2], Is.Not.SameAs(grammars[0]));

        Task AskAsync(params AITool[] tools) => client.GetResponseAsync(Hi, new ChatOptions { Tools = tools, ToolMode = ChatToolMode.RequireAny });

        static AITool Tool(string name, JsonElement parameters) => AIFunctionFactory.CreateDeclaration(name, "", parameters);

        static JsonElement Parameters(string name) => JsonSerializer.SerializeToElement(new { type = "object", properties = new Dictionary<string, object> { [name] = new { type = "string" } } });
    }

    [TestCaseSource(nameof(Templates))]
    public async Task AResponseFormatIsKept(string name)
    {
        using var client = Client(name);
        for (var seed = 1; seed <= 4; seed++)
        {
            var response = await client.GetResponseAsync(Hi, new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(Schema), MaxOutputTokens = 600, Seed = seed, Temperature = 2 });
            CheckJson(response.Text, $"{name}: {Describe(response)}");
            using var any = JsonDocument.Parse((await client.GetResponseAsync(Hi, new ChatOptions { ResponseFormat = ChatResponseFormat.Json, MaxOutputTokens = 600, Seed = seed })).Text);
            Assert.That(any.RootElement.ValueKind, Is.EqualTo(JsonValueKind.Object));
        }
    }

    [Test]
    public async Task WithToolsAResponseFormatLeavesBothOpen()
    {
        using var client = Client("Qwen-Qwen2.5");
        for (var seed = 1; seed <= 12; seed++)
        {
            var options = Options(seed, ChatToolMode.Auto);
            options.ResponseFormat = ChatResponseFormat.ForJsonSchema(Schema);
            var response = await client.GetResponseAsync(Hi, options);
            var calls = response.Messages[0].Contents.OfType<FunctionCallContent>().ToList();
            calls.ForEach(Check);
            if (calls.Count == 0)
            {
                CheckJson(response.Text, Describe(response));
            }
        }
    }

    /// <summary>DeepSeek's later templates write a call otherwise than R1's.</summary>
    [TestCase("{'type': 'function'}<｜tool▁sep｜>{{ name }}\n```json\n", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\":1,\"b\":2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>")]
    [TestCase("{{ name }}<｜tool▁sep｜>", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\":1,\"b\":2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>")]
    public void ACallIsRequiredInTheFormOfTheTemplate(string call, string expected)
    {
        var dialect = new ChatDialect(ChatTemplate.Parse("{{ tools }}{{ messages[0].content }}<｜tool▁call▁begin｜>" + call), _model.Tokenizer);
        var grammar = ChatConstraint.Make(new ChatRequest(Hi, new GenerationOptions(), [TemplateFixtures.Add], [], true, false) { RequiredTool = "add" }, dialect, "");
        Assert.That(GrammarTesting.Accepts(grammar!, expected));
        Assert.That(GrammarTesting.Accepts(grammar!, expected.Replace("add", "sub", StringComparison.Ordinal)), Is.False);
    }

    [Test]
    public void WhatCannotBeRequiredIsRefusedByName()
    {
        using var client = Client("Qwen-Qwen3");
        Assert.That(() => client.GetResponseAsync(Hi, new() { ToolMode = ChatToolMode.RequireAny }), Throws.TypeOf<ChatOptionException>().With.Message.Contains("ToolMode"));
        Assert.That(() => client.GetResponseAsync(Hi, new() { ToolMode = ChatToolMode.RequireSpecific("x"), Tools = [TemplateFixtures.Add] }), Throws.TypeOf<ChatOptionException>().With.Message.Contains("'x'"));
        var glm = new AbiChatClient(_model, new AbiChatClientOptions { Template = ChatTemplate.Parse("{{ tools }}<tool_call><arg_key>{{ messages[0].content }}") });
        Assert.That(() => glm.GetResponseAsync(Hi, new() { ToolMode = ChatToolMode.RequireAny, Tools = [TemplateFixtures.Add] }), Throws.TypeOf<ChatOptionException>().With.Message.Contains("Glm"));
        Assert.That(() => client.GetResponseAsync(Hi, new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(Schema), MaxOutputTokens = 2 }), Throws.InstanceOf<AbiException>(), "a limit that no document fits into");
    }

    [Test]
    public void GrammarsOfFormerRequestsAreKept()
    {
        var dialect = new ChatDialect(TemplateFixtures.Load("Qwen-Qwen2.5"), _model.Tokenizer);
        var constraints = new ChatConstraints();
        Grammar? Of(string schema) => constraints.Of(new ChatRequest(Hi, new GenerationOptions(), [], [], true, false) { ResponseSchema = JsonDocument.Parse(schema).RootElement }, dialect, "");
        var first = Of("""{"type":"object"}""");
        Assert.That(Of("""{"type":"object"}"""), Is.SameAs(first));
        for (var i = 0; i < 64; i++)
        {
            Assert.That(Of($$"""{"const":{{i}}}"""), Is.Not.SameAs(first));
        }

        Assert.That(Of("""{"type":"object"}"""), Is.Not.SameAs(first), "the oldest is forgotten");
        Assert.That(constraints.Of(new ChatRequest(Hi, new GenerationOptions(), [], [], true, false), dialect, ""), Is.Null);
    }

    private AbiChatClient Client(string name) => _model.AsChatClient(new AbiChatClientOptions { Template = name == Gemma ? GemmaTemplate.Template : TemplateFixtures.Load(name), Unsupported = UnsupportedByTemplate.FoldIn });

    private static ChatOptions Options(long seed, ChatToolMode mode) => new() { Tools = [TemplateFixtures.Weather, TemplateFixtures.Add], ToolMode = mode, MaxOutputTokens = 600, Seed = seed, Temperature = 2 };

    private static void Check(FunctionCallContent call)
    {
        if (call.Name == "add")
        {
            Assert.That(((JsonElement)call.Arguments!["a"]!).ValueKind, Is.EqualTo(JsonValueKind.Number));
            Assert.That(((JsonElement)call.Arguments["b"]!).ValueKind, Is.EqualTo(JsonValueKind.Number));
        }
        else
        {
            Assert.That(call.Name, Is.EqualTo("get_weather"));
            Assert.That(((JsonElement)call.Arguments!["city"]!).ValueKind, Is.EqualTo(JsonValueKind.String));
        }
    }

    private static void CheckJson(string text, string what)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text);
        }
        catch (JsonException exception)
        {
            throw new AssertionException($"{what}: {exception.Message}");
        }

        using (document)
        {
            Assert.That(document.RootElement.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[] { "name", "age", "tags" }), what);
            Assert.That(document.RootElement.GetProperty("age").GetInt32(), Is.InRange(0, 150));
            Assert.That(document.RootElement.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()), Is.All.EqualTo("a").Or.EqualTo("b"));
        }
    }

    private static string Describe(ChatResponse response) => $"{response.FinishReason} {string.Join(" | ", response.Messages.SelectMany(message => message.Contents).Select(content => $"{content.GetType().Name} {(content as TextContent)?.Text ?? (content as TextReasoningContent)?.Text ?? (content as ErrorContent)?.Details}"))}";
}
