using Abi.Cli.CommandLine;

namespace Abi.Cli.Tests.Commands;

[Parallelizable]
public sealed class MakeModelTests
{
    [Test]
    public async Task TheSameSeedGivesTheSameFile()
    {
        using var folder = new TemporaryFolder();
        var json = (await CliRun.SucceedAsync("make-model", "tiny,blocks=1", folder["a.gguf"], "--type", "Q4_0", "--seed", "7", "--json")).Json;
        await CliRun.SucceedAsync("make-model", "tiny,blocks=1", folder["b.gguf"], "--type", "q4_0", "-s", "7");
        await CliRun.SucceedAsync("make-model", "tiny,blocks=1", folder["c.gguf"], "--type", "Q4_0", "--seed", "8");
        Assert.That(File.ReadAllBytes(folder["b.gguf"]), Is.EqualTo(File.ReadAllBytes(folder["a.gguf"])));
        Assert.That(File.ReadAllBytes(folder["c.gguf"]), Is.Not.EqualTo(File.ReadAllBytes(folder["a.gguf"])));
        Assert.That(json.GetProperty("bytes").GetInt64(), Is.EqualTo(new FileInfo(folder["a.gguf"]).Length));
        var info = (await CliRun.SucceedAsync("info", folder["a.gguf"], "--json")).Json;
        Assert.That(info.GetProperty("parameters").GetInt64(), Is.EqualTo(json.GetProperty("parameters").GetInt64()));
        Assert.That(info.GetProperty("block_count").GetInt32(), Is.EqualTo(1));
        Assert.That(info.GetProperty("types").TryGetProperty("Q4_0", out _), Is.True);
        await CliRun.SucceedAsync("generate", folder["a.gguf"], "-p", "hello", "-n", "2");
    }

    [Test]
    public async Task ShapesAreListed()
    {
        Assert.That((await CliRun.SucceedAsync("make-model", "--list")).Output, Does.Contain("tinyllama-1.1b"));
        var shapes = (await CliRun.SucceedAsync("make-model", "--list", "--json")).Json;
        Assert.That(shapes.EnumerateArray().Single(shape => shape.GetProperty("name").GetString() == "tinyllama-1.1b").GetProperty("block_count").GetInt32(), Is.EqualTo(22));
    }

    [TestCase("There is no shape 'huge'", "huge", "o.gguf")]
    [TestCase("not a value for 'blocks'", "tiny,blocks=x", "o.gguf")]
    [TestCase("'Q0'", "tiny", "o.gguf", "--type", "Q0")]
    [TestCase("OUT is missing", "tiny")]
    public async Task WhatIsWrongIsSaid(string message, params string[] arguments) =>
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, ["make-model", .. arguments])).Error, Does.Contain(message));
}
