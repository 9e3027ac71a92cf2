using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

public sealed class EmbedTests
{
    [TestCase("none")]
    [TestCase("mean")]
    [TestCase("cls")]
    [TestCase("last")]
    public async Task EveryPoolingEqualsTheReference(string pooling)
    {
        using var folder = new TemporaryFolder();
        var facts = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", "bert.json"))).RootElement;
        var run = await CliRun.SucceedAsync(
            "embed", Fixtures.Path("models", "bert.gguf"), "--ids", string.Join(',', facts.GetProperty("tokens").EnumerateArray()), "--pooling", pooling, "--json", "--output", folder["o.npy"]);
        var (shape, expected) = NpyFile.Read<float>(Fixtures.Path("models", $"bert.embedding-{pooling}.npy"));
        var (madeShape, made) = NpyFile.Read<float>(folder["o.npy"]);
        Assert.That(madeShape, Is.EqualTo(shape));
        Assert.That(made.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(2e-2));
        float[] printed = pooling == "none"
            ? [.. run.Json.GetProperty("embeddings").EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(value => value.GetSingle())]
            : [.. run.Json.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle())];
        Assert.That(printed, Is.EqualTo(made), "the same bits in JSON");
        Assert.That((run.Json.GetProperty("pooling").GetString(), run.Json.GetProperty("tokens").GetInt32()), Is.EqualTo((pooling, 32)));
    }

    [Test]
    public async Task LinesAreEmbeddedInOrderAndAsOneAlone()
    {
        var model = Fixtures.Path("models", "bert.gguf");
        var alone = await CliRun.SucceedAsync("embed", model, "--ids", "5,6,7", "--normalize", "--json", "--pooling", "mean");
        var run = await CliRun.RunAsync("{\"ids\":[9,8]}\n\n{\"ids\":[5,6,7]}\n"u8.ToArray(), default, "embed", model, "--jsonl", "-", "--normalize", "--pooling", "mean");
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Lines, Has.Length.EqualTo(2));
        Assert.That(run.Lines[1], Is.EqualTo(alone.Lines[0]));
        Assert.That(Math.Sqrt(alone.Json.GetProperty("embedding").EnumerateArray().Sum(value => Math.Pow(value.GetDouble(), 2))), Is.EqualTo(1).Within(1e-5));
        var numbers = (await CliRun.SucceedAsync("embed", model, "--ids", "5,6,7", "--normalize", "--pooling", "mean")).Output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        Assert.That(numbers.Select(number => float.Parse(number, System.Globalization.CultureInfo.InvariantCulture)), Is.EqualTo(alone.Json.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle())));
    }

    [Test]
    public async Task ADecoderEmbedsTextToo()
    {
        var json = (await CliRun.SucceedAsync("embed", "stories", "--text", "Once upon a time", "--pooling", "last", "--dimensions", "16", "--json")).Json;
        Assert.That(json.GetProperty("embedding").GetArrayLength(), Is.EqualTo(16));
        Assert.That(json.GetProperty("tokens").GetInt32(), Is.EqualTo(5));
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "embed", "stories")).Error, Does.Contain("--text, --ids and --jsonl"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "embed", "stories", "--text", "a", "--pooling", "max")).Error, Does.Contain("none, mean, cls, last, rank"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "embed", "stories", "--text", "a", "--pooling", "rank")).Error, Is.Not.Empty);
        var line = await CliRun.RunAsync("{\"words\":\"a\"}\n"u8.ToArray(), default, "embed", "stories", "--jsonl", "-", "--pooling", "mean");
        Assert.That(line.Error, Does.Contain("Line 1").And.Contains("neither name"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "embed", "stories", "--ids", "70000")).Error, Does.Contain("70000"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "embed", "stories", "--ids", string.Join(',', Enumerable.Repeat(5, 600)))).Error, Does.Contain("Here, -c sets the context and --truncate").And.Not.Contain("--context-full"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "embed", "stories", "--ids", "5", "--pooling", "mean", "--dimensions", "9999")).Error, Does.Contain("256 components").And.Not.Contain("(Parameter"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "embed", "stories", "--jsonl", Path.GetTempPath())).Error, Does.Contain("is a folder"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", Fixtures.Path("models", "bert.gguf"), "--ids", "5")).Error, Does.Contain("encoder"));
    }
}
