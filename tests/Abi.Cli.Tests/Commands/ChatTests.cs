using System.Text;
using System.Text.Json;

namespace Abi.Cli.Tests.Commands;

/// <summary>Conversations over standard input and output.</summary>
public sealed class ChatTests
{
    private const string Template = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}";

    [Test]
    public async Task EachLineIsAnsweredAndTheConversationIsKept()
    {
        using var folder = new TemporaryFolder();
        var template = folder["template.jinja"];
        await File.WriteAllTextAsync(template, Template);
        var saved = folder["talk.json"];
        var run = await TalkAsync(template, "Once upon a time", "/save " + saved, "/history", "/quit");
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Output.Trim(), Is.Not.Empty);
        using var lines = JsonDocument.Parse(await File.ReadAllBytesAsync(saved));
        Assert.That(lines.RootElement.EnumerateArray().Select(line => line.GetProperty("role").GetString()), Is.EqualTo(new[] { "system", "user", "assistant" }));
        Assert.That(lines.RootElement[1].GetProperty("content").GetString(), Is.EqualTo("Once upon a time"));
        Assert.That(run.Output.Trim(), Is.EqualTo(lines.RootElement[2].GetProperty("content").GetString()!.Trim()));
        Assert.That(run.Error, Does.Contain("system: You tell stories.").And.Contain("user: Once upon a time"));

        // taking back and asking again is the same as never having asked
        var again = await TalkAsync(template, "Something else", "/undo", "Once upon a time", "/retry");
        Assert.That(again.Output, Does.EndWith(run.Output + run.Output));
        var loaded = await TalkAsync(template, "/load " + saved, "/retry");
        Assert.That(loaded.Output, Is.EqualTo(run.Output));
    }

    [Test]
    public async Task WhatIsWrongIsSaidAndTheConversationGoesOn()
    {
        using var folder = new TemporaryFolder();
        var template = folder["template.jinja"];
        await File.WriteAllTextAsync(template, Template);
        var run = await TalkAsync(template, "/undo", "/nonsense", "/load " + folder["absent.json"], "One day");
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Error, Does.Contain("no message yet").And.Contain("'/nonsense' is not a command").And.Contain("absent.json"));
        Assert.That(run.Output.Trim(), Is.Not.Empty);

        // a file that holds no conversation leaves the present one as it is
        await File.WriteAllTextAsync(folder["edited.json"], """[{"role":"user","content":"x"},null]""");
        await File.WriteAllTextAsync(folder["half.json"], """[{"role":"user"}]""");
        var after = await TalkAsync(template, "One day", "/load " + folder["edited.json"], "/load " + folder["half.json"], "/history");
        Assert.That(after.Code, Is.Zero, after.Error);
        Assert.That(after.Error, Does.Contain("edited.json holds no conversation").And.Contain("half.json holds no conversation").And.Contain("user: One day").And.Not.Contain("user: x"));

        // the story model has no template of its own
        Assert.That((await CliRun.FailAsync(1, "chat", "stories", "-p", "x", "-st")).Error, Does.Contain("no chat template").And.Contain("--chat-template-file"));
        await CliRun.FailAsync(2, "chat", "stories", "-st");
    }

    [Test]
    public async Task AContextThatIsTooSmallIsSaid()
    {
        using var folder = new TemporaryFolder();
        var template = folder["template.jinja"];
        await File.WriteAllTextAsync(template, "{% for message in messages %}{{ message.content }}{% endfor %}");
        string[] chat = ["chat", "stories", "--chat-template-file", template, "--temp", "0"];

        // an answer that the context cuts off
        var run = await CliRun.RunAsync("Once upon a time"u8.ToArray(), default, [.. chat, "-c", "8"]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Output.Trim(), Is.Not.Empty);
        Assert.That(run.Error, Does.Contain("context of 8 tokens is full").And.Contain("-c"));

        // a message that does not fit at all, and one after it that does
        run = await CliRun.RunAsync("Once upon a time there was a very long message.\nA"u8.ToArray(), default, [.. chat, "-c", "4", "-n", "1"]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Error, Does.Contain("the context holds 4").And.Contain("-c").And.Contain("/undo").And.Not.Contain("ContextLength"));
        Assert.That(run.Lines, Has.Length.EqualTo(1));
        var error = (await CliRun.FailAsync(1, [.. chat, "-c", "4", "-p", "Once upon a time there was a very long message.", "-st"])).Error;
        Assert.That(error, Does.Contain("the context holds 4").And.Contain("-c").And.Not.Contain("--context-full"));

        // what -n ends is not the context's doing
        run = await CliRun.RunAsync("Once upon a time"u8.ToArray(), default, [.. chat, "-n", "4"]);
        Assert.That((run.Code, run.Error), Is.EqualTo((0, "")));
    }

    private static Task<CliRun> TalkAsync(string template, params string[] lines) => CliRun.RunAsync(
        Encoding.UTF8.GetBytes(string.Join('\n', lines)), default,
        "chat", "stories", "--chat-template-file", template, "-sys", "You tell stories.", "-n", "16", "--temp", "0");
}
