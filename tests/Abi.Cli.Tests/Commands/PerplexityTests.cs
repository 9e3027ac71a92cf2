using Abi.Cli.CommandLine;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

[Parallelizable]
public sealed class PerplexityTests
{
    [Test]
    public async Task TheFigureIsTheReferenceTools()
    {
        var json = (await CliRun.SucceedAsync(
            "perplexity", Fixtures.Path("stories", "stories260K.f32.gguf"), "--file", Fixtures.Path("stories", "perplexity-text.txt"), "-c", "256", "--json")).Json;
        Assert.That(json.GetProperty("perplexity").GetDouble(), Is.EqualTo(4.1225).Within(0.1).Percent);
        Assert.That(json.GetProperty("uncertainty").GetDouble(), Is.EqualTo(0.04966).Within(1).Percent);
        Assert.That(json.GetProperty("tokens").GetInt32(), Is.EqualTo(171 * 127));
        Assert.That(json.GetProperty("text_tokens").GetInt32(), Is.GreaterThanOrEqualTo(171 * 256));
    }

    [Test]
    public async Task TheTableLineNamesTheFigure()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["text"], string.Concat(Enumerable.Repeat("Once upon a time there was a dog. ", 12)));
        var run = await CliRun.SucceedAsync("perplexity", "stories", "-f", folder["text"], "-c", "16");
        Assert.That(run.Output, Does.Match(@"^perplexity \d+\.\d{4} ± \d+\.\d{5} \(\d+ tokens of \d+ windows of 16\)\n$"));
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["short"], "Once upon a time");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "perplexity", "stories", "-f", folder["short"])).Error, Does.Contain("5 tokens").And.Contain("512"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "perplexity", "stories")).Error, Does.Contain("'--file' is missing"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "perplexity", "stories", "-f", folder["short"], "-c", "2")).Error, Does.Contain("4 or more"));
    }
}
