using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Abi.Testing;

namespace Abi.Cli.Tests;

/// <summary>The tool as users run it: a process with its own streams, environment and signals.</summary>
public sealed class ProcessTests
{
    [Test]
    public async Task ResultsAndMessagesHaveTheirOwnStreams()
    {
        var (code, output, error) = await RunAsync([], "tokenize", "stories", "--text", "Once upon a time", "--json");
        Assert.That((code, output, error), Is.EqualTo((0, "{\"ids\":[1,425,434,261,398]}\n", "")));
        (code, output, error) = await RunAsync([], "tokenize", "no.gguf", "--text", "a");
        Assert.That((code, output), Is.EqualTo((1, "")));
        Assert.That(error, Does.StartWith("abi: There is no model file at 'no.gguf'"));
        (code, output, error) = await RunAsync([]);
        Assert.That((code, output), Is.EqualTo((2, "")));
        Assert.That(error, Does.Contain("usage: abi"));
    }

    [Test]
    public async Task AnInterruptEndsGenerationWith130AndKeepsTheText()
    {
        RequireInterrupts();
        using var process = Start([], "generate", "stories", "-p", "Once upon a time", "--temp", "0", "--ignore-eos", "--context-full", "shift");
        try
        {
            var said = await ReadSomeAsync(process.StandardOutput);
            await InterruptAsync(process);
            var rest = process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
            Assert.That(process.ExitCode, Is.EqualTo(130));
            Assert.That(await process.StandardError.ReadToEndAsync(), Is.EqualTo("abi: cancelled.\n"));
            Assert.That(said + await rest, Does.StartWith(", there was a little girl").And.EndsWith("\n"));
        }
        finally
        {
            process.Kill(); // does nothing to one that has ended
        }
    }

    /// <summary>The first interrupt stops the answer and keeps the conversation; at the prompt, or while the answer is being stopped, one ends it.</summary>
    [Test]
    public async Task AnInterruptStopsTheAnswerOfAConversationAndAnotherEndsIt()
    {
        RequireInterrupts();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["template.jinja"], "{% for message in messages %}{{ message.content }}{% endfor %}");

        // an answer without an end: a context of twenty thousand tokens, and no token that ends a text
        using var process = Start([], "chat", "stories", "--chat-template-file", folder["template.jinja"], "--temp", "0", "-c", "20000", "--logit-bias", "2-inf");
        try
        {
            await process.StandardInput.WriteLineAsync("Once upon a time");
            var said = await ReadSomeAsync(process.StandardOutput);
            await InterruptAsync(process);
            Assert.That(await process.StandardError.ReadLineAsync(), Does.StartWith("[stopped;"));

            // the conversation is there, with as much of the answer as was said
            await process.StandardInput.WriteLineAsync($"/save {folder["talk.json"]}");
            await process.StandardInput.WriteLineAsync("/history");
            Assert.That(await process.StandardError.ReadLineAsync(), Is.EqualTo("user: Once upon a time"));
            Assert.That(await process.StandardError.ReadLineAsync(), Does.StartWith("assistant: , there was a little girl"));
            string answer;
            using (var lines = JsonDocument.Parse(await File.ReadAllBytesAsync(folder["talk.json"])))
            {
                Assert.That(lines.RootElement.EnumerateArray().Select(line => line.GetProperty("role").GetString()), Is.EqualTo(new[] { "user", "assistant" }));
                answer = lines.RootElement[1].GetProperty("content").GetString()!;
            }

            var left = new char[answer.Length + 1 - said.Length];
            Assert.That(await process.StandardOutput.ReadBlockAsync(left), Is.EqualTo(left.Length));
            Assert.That(said + new string(left), Is.EqualTo(answer + "\n"));

            // and goes on; at the prompt an interrupt ends it
            await process.StandardInput.WriteLineAsync(" The next day,");
            Assert.That(await ReadSomeAsync(process.StandardOutput), Is.Not.Empty);
            await InterruptAsync(process);
            string? line;
            do
            {
                line = await process.StandardError.ReadLineAsync(); // behind the rest of the history
            }
            while (line?.StartsWith("[stopped;", StringComparison.Ordinal) == false);

            Assert.That(line, Is.Not.Null);
            await InterruptAsync(process);
            var rest = process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
            await rest;
            Assert.That((process.ExitCode, await process.StandardError.ReadToEndAsync()), Is.EqualTo((130, "abi: cancelled.\n")));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>Nobody is there to go on with a conversation that was written beforehand: one interrupt is enough.</summary>
    [Test]
    public async Task AnInterruptEndsAConversationThatWasWrittenBeforehand()
    {
        RequireInterrupts();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["template.jinja"], "{% for message in messages %}{{ message.content }}{% endfor %}");
        using var process = Start([], "chat", "stories", "--chat-template-file", folder["template.jinja"], "--temp", "0", "-c", "20000", "--logit-bias", "2-inf");
        try
        {
            await process.StandardInput.WriteAsync("Once upon a time\n The next day,\n The end,\n");
            process.StandardInput.Close();
            await ReadSomeAsync(process.StandardOutput);
            await InterruptAsync(process);
            var rest = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
            await rest;
            Assert.That((process.ExitCode, await errors), Is.EqualTo((130, "abi: cancelled.\n")));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>A read of a pipe waits until something comes; whoever interrupts the command does not.</summary>
    [TestCase("INT")]
    [TestCase("TERM")]
    public async Task ASignalEndsACommandThatWaitsForInput(string signal)
    {
        RequireInterrupts();
        using var process = Start([], "tokenize", "stories", "--jsonl", "-");
        try
        {
            await process.StandardInput.WriteLineAsync("{\"text\":\"Once\"}");
            await process.StandardInput.FlushAsync();
            Assert.That(await process.StandardOutput.ReadLineAsync(), Does.StartWith("{\"ids\":[1,"), "it is answered, and the next line waited for");
            await SignalAsync(process, signal);
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
            Assert.That((process.ExitCode, await process.StandardError.ReadToEndAsync()), Is.EqualTo((130, "abi: cancelled.\n")));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>When the reader of its output goes, a command ends, as other tools do behind <c>| head</c>.</summary>
    [Test]
    public async Task ACommandEndsWhenNobodyReadsItsOutput()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("The state of the pipe is asked for with poll.");
        }

        using var process = Start([], "generate", "stories", "-p", "Once upon a time", "--temp", "0", "--ignore-eos", "--context-full", "shift");
        try
        {
            await ReadSomeAsync(process.StandardOutput);
            process.StandardOutput.Close();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
            Assert.That((process.ExitCode, await process.StandardError.ReadToEndAsync()), Is.EqualTo((1, "")));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>The beginning of what comes, 20 characters or more.</summary>
    private static async Task<string> ReadSomeAsync(StreamReader reader)
    {
        var buffer = new char[4096];
        var length = 0;
        while (length < 20)
        {
            var count = await reader.ReadAsync(buffer.AsMemory(length));
            Assert.That(count, Is.GreaterThan(0), "the text comes while it is generated");
            length += count;
        }

        return new string(buffer, 0, length);
    }

    private static Task InterruptAsync(Process process) => SignalAsync(process, "INT");

    private static async Task SignalAsync(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    private static void RequireInterrupts()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Signals are sent with kill.");
        }

        if (IgnoresInterrupts())
        {
            Assert.Ignore("These tests were started with SIGINT ignored, as by nohup in the background, and a child inherits that.");
        }
    }

    /// <summary>Bit 1 of the mask of ignored signals that Linux shows, SIGINT being 2; elsewhere no.</summary>
    private static bool IgnoresInterrupts() => File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } mask
        && (ulong.Parse(mask.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0b10) != 0;

    [Test]
    public async Task PullDownloadsFromTheEndpointOfTheEnvironment()
    {
        using var folder = new TemporaryFolder();
        var model = File.ReadAllBytes(Fixtures.Path("malformed", "valid-control.gguf"));
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(model));
        await using var server = new LocalServer(request => request.Headers.GetValueOrDefault("Authorization") != "Bearer hf_secret" ? new LocalResponse(401, [])
            : request.Path.StartsWith("/api/models/owner/repo/tree/main", StringComparison.Ordinal)
                ? LocalResponse.OfText(JsonSerializer.Serialize(new[] { new { type = "file", path = "m-Q4_0.gguf", size = model.Length, lfs = new { oid = sha256, size = model.Length } } }))
            : request.Path == "/owner/repo/resolve/main/m-Q4_0.gguf" ? LocalResponse.OfFile(request, model)
            : new LocalResponse(404, []));
        var variables = new Dictionary<string, string> { ["HF_ENDPOINT"] = server.Address.ToString(), ["HF_TOKEN"] = "hf_secret", ["ABI_CACHE"] = folder["cache"] };

        var (code, output, error) = await RunAsync(variables, "pull", "owner/repo:Q4_0", "--to", folder["to"], "--json");
        Assert.That(code, Is.Zero, error);
        var json = JsonDocument.Parse(output).RootElement;
        Assert.That(json.GetProperty("path").GetString(), Is.EqualTo(Path.Combine(folder["to"], "m-Q4_0.gguf")));
        Assert.That(json.GetProperty("files")[0].GetProperty("sha256").GetString(), Is.EqualTo(sha256));
        Assert.That(File.ReadAllBytes(Path.Combine(folder["to"], "m-Q4_0.gguf")), Is.EqualTo(model));
        Assert.That(error, Is.Empty, "no progress where there is no terminal");

        // into the cache, where other commands find it by its name
        (code, output, _) = await RunAsync(variables, "pull", "owner/repo");
        Assert.That((code, output), Is.EqualTo((0, $"{Path.Combine(folder["cache"], "owner", "repo", "m-Q4_0.gguf")}\n")));
        (code, output, error) = await RunAsync(variables, "info", "owner/repo:Q4_0", "--json");
        Assert.That(code, Is.Zero, error);
        Assert.That(JsonDocument.Parse(output).RootElement.GetProperty("size").GetInt64(), Is.EqualTo(model.Length));

        (code, _, error) = await RunAsync(variables, "pull", "owner/other");
        Assert.That((code, error), Is.EqualTo((1, error)));
        Assert.That(error, Does.Contain("owner/other").And.Contain("does not exist"));
        variables.Remove("HF_TOKEN");
        (code, _, error) = await RunAsync(variables, "pull", "owner/repo", "--to", folder["other"]);
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Does.Contain("HF_TOKEN"));
        (code, _, error) = await RunAsync(variables, "pull", "not a model");
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("owner/repo:TYPE"));
    }

    [Test]
    public async Task PullByAddressChecksTheSha256OfTheUser()
    {
        using var folder = new TemporaryFolder();
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, [1, 2, 3]));
        var (code, _, error) = await RunAsync([], "pull", $"{server.Address}m.gguf", "--to", folder.Path, "--sha256", new string('0', 64));
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Does.Contain("damaged"));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
        (code, _, error) = await RunAsync([], "pull", $"{server.Address}m.gguf", "--to", folder.Path, "--sha256", Convert.ToHexString(SHA256.HashData([1, 2, 3])));
        Assert.That(code, Is.Zero, error);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(Dictionary<string, string> variables, params string[] arguments)
    {
        using var process = Start(variables, arguments);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromMinutes(1)).Token);
        return (process.ExitCode, await output, await error);
    }

    private static Process Start(Dictionary<string, string> variables, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "abi.dll");
        var start = new ProcessStartInfo("dotnet", ["exec", program, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in new[] { "HF_ENDPOINT", "HF_TOKEN", "ABI_CACHE" })
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
