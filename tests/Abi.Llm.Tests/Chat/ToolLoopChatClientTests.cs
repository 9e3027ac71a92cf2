using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

public sealed class ToolLoopChatClientTests
{
    private static readonly ChatMessage[] Hi = [new(ChatRole.User, "Hi")];

    [TestCase(false)]
    [TestCase(true)]
    public async Task CallsAreCarriedOutUntilTheModelAnswers(bool streams)
    {
        var calls = new List<string>();
        var add = AIFunctionFactory.Create((double a, double b) => { calls.Add($"{a}+{b}"); return a + b; }, "add");
        var backend = new ScriptedBackend(Call("add", "{\"a\": 1, \"b\": 2}") + Call("add", "{\"a\": 3, \"b\": 4}"), "Let me see. " + Call("add", "{\"a\": 5, \"b\": 6}"), "All done.");
        var response = await RunAsync(ScriptedBackend.Client(backend).WithToolLoop(), new() { Tools = [add] }, streams);
        Assert.That(calls, Is.EqualTo(new[] { "1+2", "3+4", "5+6" }));
        Assert.That(response.Text, Does.EndWith("All done."));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(response.Messages.Select(message => message.Role.Value), Is.EqualTo(new[] { "assistant", "tool", "assistant", "tool", "assistant" }));
        Assert.That(response.Messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>().Select(result => result.Result!.ToString()), Is.EqualTo(new[] { "3", "7", "11" }));
        Assert.That(backend.Requests.Last().Prompt, Does.Contain("<tool_response>\n3\n</tool_response>\n<tool_response>\n7\n</tool_response>"));
        Assert.That(response.Usage!.InputTokenCount, Is.EqualTo(backend.Requests.Sum(request => request.Ids.Length)), "usage of all rounds together");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AnOuterLoopDoesNotCallTwice(bool streams)
    {
        var calls = 0;
        var ping = AIFunctionFactory.Create(() => ++calls, "ping");
        var client = ScriptedBackend.Client(new ScriptedBackend(Call("ping"), "Done.")).WithToolLoop().WithToolLoop();
        var response = await RunAsync(client, new() { Tools = [ping] }, streams);
        Assert.That((calls, response.Text), Is.EqualTo((1, "Done.")));
        Assert.That(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single().InformationalOnly, Is.True);
        Assert.That(response.Messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>().Count(), Is.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task RoundsAreLimited(bool streams)
    {
        var calls = 0;
        var ping = AIFunctionFactory.Create(() => ++calls, "ping");
        var backend = new ScriptedBackend(Call("ping"));
        var response = await RunAsync(ScriptedBackend.Client(backend).WithToolLoop(new ToolLoopOptions { MaximumRounds = 3 }), new() { Tools = [ping] }, streams);
        Assert.That((calls, backend.Requests.Count), Is.EqualTo((3, 4)));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        Assert.That(response.Messages[^1].Contents.OfType<FunctionCallContent>().Single().InformationalOnly, Is.False, "the caller may still make it");
    }

    [Test]
    public async Task CallsOfOneRoundAreLimited()
    {
        var calls = 0;
        var ping = AIFunctionFactory.Create(() => ++calls, "ping");
        var response = await RunAsync(ScriptedBackend.Client(new ScriptedBackend(Call("ping") + Call("ping") + Call("ping"), "Done.")).WithToolLoop(new ToolLoopOptions { MaximumCallsPerRound = 2 }), new() { Tools = [ping] }, false);
        Assert.That(calls, Is.EqualTo(2));
        Assert.That(Results(response)[2], Does.StartWith("Error: the call was not made; at most 2"));
    }

    [Test]
    public async Task ErrorsAreToldToTheModelOrThrown()
    {
        var fail = AIFunctionFactory.Create(string () => throw new InvalidOperationException("secret"), "fail");
        ScriptedBackend Backend() => new(Call("fail"), "Done.");
        Assert.That(Results(await RunAsync(ScriptedBackend.Client(Backend()).WithToolLoop(), new() { Tools = [fail] }, false))[0], Is.EqualTo("Error: the function failed."));
        Assert.That(Results(await RunAsync(ScriptedBackend.Client(Backend()).WithToolLoop(new() { IncludeErrorDetails = true }), new() { Tools = [fail] }, true))[0], Is.EqualTo("Error: secret"));
        Assert.That(() => RunAsync(ScriptedBackend.Client(Backend()).WithToolLoop(new() { ThrowOnError = true }), new() { Tools = [fail] }, false), Throws.TypeOf<InvalidOperationException>());
        Assert.That(Results(await RunAsync(ScriptedBackend.Client(new ScriptedBackend(Call("nobody"), "Done.")).WithToolLoop(), new() { Tools = [fail] }, false))[0], Is.EqualTo("Error: there is no function named 'nobody'."));
    }

    [Test]
    public async Task ACallMayTakeSoLongOnly()
    {
        var slow = AIFunctionFactory.Create(async (CancellationToken token) => { await Task.Delay(Timeout.Infinite, token); return 1; }, "slow");
        var options = new ToolLoopOptions { CallTimeout = TimeSpan.FromMilliseconds(30) };
        Assert.That(Results(await RunAsync(ScriptedBackend.Client(new ScriptedBackend(Call("slow"), "Done.")).WithToolLoop(options), new() { Tools = [slow] }, false))[0], Does.Contain("longer than 0.03 s"));

        using var stop = new CancellationTokenSource(30);
        Assert.That(
            () => ScriptedBackend.Client(new ScriptedBackend(Call("slow"), "Done.")).WithToolLoop().GetResponseAsync(Hi, new() { Tools = [slow] }, stop.Token), Throws.InstanceOf<OperationCanceledException>(),
            "the caller's own token ends the request");
    }

    [Test]
    public async Task CallsRunTogetherWhenAllowed()
    {
        using var both = new Barrier(2);
        var meet = AIFunctionFactory.Create(async () => { await Task.Yield(); return both.SignalAndWait(TimeSpan.FromSeconds(20)); }, "meet");
        var response = await RunAsync(ScriptedBackend.Client(new ScriptedBackend(Call("meet") + Call("meet"), "Done.")).WithToolLoop(new() { AllowConcurrentCalls = true }), new() { Tools = [meet] }, false);
        Assert.That(Results(response), Is.EqualTo(new[] { "True", "True" }));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task CallsThatAreNotForTheLoopAreReturned(bool streams)
    {
        var calls = 0;
        var ping = AIFunctionFactory.Create(() => ++calls, "ping");
        foreach (var other in new AITool[] { TemplateFixtures.Weather, new ApprovalRequiredAIFunction(AIFunctionFactory.Create(() => ++calls, "get_weather")) })
        {
            var response = await RunAsync(ScriptedBackend.Client(new ScriptedBackend(Call("ping") + Call("get_weather", "{\"city\": \"x\"}"))).WithToolLoop(), new() { Tools = [ping, other] }, streams);
            Assert.That(calls, Is.Zero);
            Assert.That(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Select(call => (call.Name, call.InformationalOnly)), Is.EqualTo(new[] { ("ping", false), ("get_weather", false) }));
            Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        }
    }

    [Test]
    public async Task AStreamsTextComesAtOnceAndItsCallsOnlyWhenSettled()
    {
        List<ChatResponseUpdate> updates = [];
        var ping = AIFunctionFactory.Create(() => "pong", "ping");
        await foreach (var update in ScriptedBackend.Client(new ScriptedBackend("One two three. " + Call("ping"), "Done.")).WithToolLoop().GetStreamingResponseAsync(Hi, new() { Tools = [ping] }))
        {
            updates.Add(update);
        }

        Assert.That(updates.TakeWhile(update => !update.Contents.Any(content => content is FunctionCallContent)).Count(), Is.GreaterThan(3));
        Assert.That(updates.Count(update => update.Contents.OfType<FunctionCallContent>().Any()), Is.EqualTo(1));
        Assert.That(updates.SelectMany(update => update.Contents).OfType<FunctionCallContent>().Single().InformationalOnly, Is.True);
        Assert.That(updates.Single(update => update.Role == ChatRole.Tool).Contents.OfType<FunctionResultContent>().Single().Result!.ToString(), Is.EqualTo("pong"));
        Assert.That(updates.Count(update => update.Contents.OfType<UsageContent>().Any()), Is.EqualTo(2));
    }

    [Test]
    public void OptionsAreChecked()
    {
        var client = ScriptedBackend.Client(new ScriptedBackend("x"));
        Assert.That(() => new ToolLoopChatClient(client, new ToolLoopOptions { MaximumRounds = 0 }), Throws.ArgumentException.With.Message.Contains("MaximumRounds"));
        Assert.That(client.WithToolLoop().GetService<AbiChatClient>(), Is.SameAs(client), "the inner client's services stay reachable");
    }

    private static string Call(string name, string arguments = "{}") => $"<tool_call>{{\"name\": \"{name}\", \"arguments\": {arguments}}}</tool_call>";

    private static List<string?> Results(ChatResponse response) => [.. response.Messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>().Select(result => result.Result?.ToString())];

    private static async Task<ChatResponse> RunAsync(ToolLoopChatClient client, ChatOptions options, bool streams) =>
        streams ? await client.GetStreamingResponseAsync(Hi, options).ToChatResponseAsync() : await client.GetResponseAsync(Hi, options);
}
