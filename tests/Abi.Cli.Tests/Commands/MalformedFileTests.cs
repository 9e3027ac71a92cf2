using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

/// <summary>Broken files end every command with 1 and a message, never with a trace.</summary>
public sealed class MalformedFileTests
{
    private static IEnumerable<string> Refused => Fixtures.TryPath("malformed", "index.json") is not { } path ? []
        : JsonDocument.Parse(File.ReadAllText(path)).RootElement.GetProperty("files").EnumerateArray()
            .Where(file => file.GetProperty("expect").GetString() == "refuse").Select(file => file.GetProperty("file").GetString()!);

    [TestCaseSource(nameof(Refused))]
    public async Task ABrokenFileIsRefused(string name)
    {
        using var folder = new TemporaryFolder();
        var model = Fixtures.Path("malformed", name);
        string[][] commands =
        [
            ["info", model], ["tokenize", model, "--text", "a"], ["detokenize", model, "--ids", "1"], ["logits", model, "--ids", "1", "--output", folder["o.npy"]],
            ["generate", model, "-p", "a"], ["quantize", model, folder["o.gguf"], "Q4_0"], ["bench", model],
        ];
        foreach (var command in commands)
        {
            var run = await CliRun.FailAsync(ExitCode.Failed, command);
            Assert.That(run.Error, Does.Contain(name), string.Join(' ', command));
            Assert.That(run.Output, Is.Empty);
        }

        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    [Test]
    public async Task WeightsThatAreNotNumbersGiveAnErrorOrText()
    {
        var run = await CliRun.RunAsync("generate", Fixtures.Path("malformed", "nan-scale-q4_0.gguf"), "--ids", "1", "-n", "2");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success).Or.EqualTo(ExitCode.Failed));
        Assert.That(run.Error, Does.Not.Contain("internal error"));
    }

    [Test]
    public async Task TheControlLoads() => await CliRun.SucceedAsync("generate", Fixtures.Path("malformed", "valid-control.gguf"), "--ids", "1", "-n", "2");
}
