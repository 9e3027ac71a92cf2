using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Output;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

public sealed class LogitsTests
{
    [TestCase("llama", 1e-6)]
    [TestCase("qwen2", 1e-6)]
    [TestCase("gemma2", 1e-4)]
    [TestCase("mamba", 1e-6)]
    public async Task EveryPositionEqualsTheReference(string name, double tolerance)
    {
        using var folder = new TemporaryFolder();
        var facts = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement;
        var ids = string.Join(',', facts.GetProperty("tokens").EnumerateArray());
        var model = Fixtures.Path("models", $"{name}.gguf");
        var run = await CliRun.SucceedAsync("logits", model, "--ids", ids, "--all", "--output", folder["all.npy"], "--json");
        var (shape, logits) = NpyFile.Read<float>(folder["all.npy"]);
        var (expectedShape, expected) = NpyFile.Read<float>(Fixtures.Path("models", $"{name}.logits.npy"));
        Assert.That(shape, Is.EqualTo(expectedShape));
        Assert.That(Error(logits, expected), Is.LessThan(tolerance));
        Assert.That(run.Json.GetProperty("shape").EnumerateArray().Select(n => n.GetInt32()), Is.EqualTo(shape));
        Assert.That(run.Json.GetProperty("argmax").GetInt32(), Is.EqualTo(facts.GetProperty("argmax").EnumerateArray().Last().GetInt32()));

        await CliRun.SucceedAsync("logits", model, "--ids", ids, "--output", folder["last.npy"]);
        var (lastShape, last) = NpyFile.Read<float>(folder["last.npy"]);
        Assert.That(lastShape, Is.EqualTo(new[] { expectedShape[1] }));
        Assert.That(last, Is.EqualTo(logits[^expectedShape[1]..]), "the same bits, whether others are asked for or not");
    }

    [Test]
    [Explicit("Writes two gibibytes.")]
    public async Task MoreBytesThanASpanCountsAreWritten()
    {
        using var folder = new TemporaryFolder();
        var values = new float[1 << 29];
        values[^1] = 1;
        await NpyWriter.WriteAsync(folder["o.npy"], [values.Length], values);
        await using var file = File.OpenRead(folder["o.npy"]);
        Assert.That(file.Length - (4L << 29), Is.Positive.And.LessThanOrEqualTo(128), "the header");
        file.Position = file.Length - 8;
        var end = new byte[8];
        await file.ReadExactlyAsync(end);
        Assert.That(end, Is.EqualTo(new byte[] { 0, 0, 0, 0, 0, 0, 128, 63 }));
    }

    [Test]
    public async Task AnEncoderDecoderTakesBothLists()
    {
        using var folder = new TemporaryFolder();
        var facts = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", "t5.json"))).RootElement;
        var (encoder, decoder) = (string.Join(',', facts.GetProperty("encoder_tokens").EnumerateArray()), string.Join(',', facts.GetProperty("decoder_tokens").EnumerateArray()));
        await CliRun.SucceedAsync("logits", Fixtures.Path("models", "t5.gguf"), "--ids", encoder, "--decoder-ids", decoder, "--all", "--output", folder["o.npy"]);
        var (shape, logits) = NpyFile.Read<float>(folder["o.npy"]);
        var (expectedShape, expected) = NpyFile.Read<float>(Fixtures.Path("models", "t5.logits.npy"));
        Assert.That(shape, Is.EqualTo(expectedShape));
        Assert.That(Error(logits, expected), Is.LessThan(1e-4));
        var greedy = (await CliRun.SucceedAsync("generate", Fixtures.Path("models", "t5.gguf"), "--ids", encoder, "-n", "12", "--temp", "0", "--ignore-eos", "--json")).Json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
        Assert.That(greedy, Is.EqualTo(facts.GetProperty("greedy_from_decoder_start").EnumerateArray().Take(12).Select(id => id.GetInt32())));
    }

    [TestCase("Q4_0")]
    [TestCase("Q6_K")]
    public async Task ExactActivationsEqualExpandedWeights(string type)
    {
        using var folder = new TemporaryFolder();
        var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("quantized-models", "index.json"))).RootElement;
        var ids = string.Join(',', index.GetProperty("tokens").EnumerateArray());
        var model = Fixtures.Path("quantized-models", $"{type}.gguf");
        await CliRun.SucceedAsync("logits", model, "--ids", ids, "--all", "--output", folder["exact.npy"], "--activations", "exact");
        await CliRun.SucceedAsync("logits", model, "--ids", ids, "--all", "--output", folder["int8.npy"], "--activations", "int8");
        var expanded = NpyFile.Read<float>(Fixtures.Path("quantized-models", $"{type}.logits-expanded.npy")).Values;
        var reference = NpyFile.Read<float>(Fixtures.Path("quantized-models", $"{type}.logits.npy")).Values;
        var (exact, int8) = (NpyFile.Read<float>(folder["exact.npy"]).Values, NpyFile.Read<float>(folder["int8.npy"]).Values);
        Assert.That(exact.Zip(expanded, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(1e-3));
        Assert.That(Error(int8, expanded), Is.LessThanOrEqualTo(1.25 * Error(reference, expanded) + 1e-9));
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        using var folder = new TemporaryFolder();
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "logits", "stories", "--ids", "1")).Error, Does.Contain("'--output' is missing"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "logits", "stories", "--output", folder["o.npy"])).Error, Does.Contain("--ids and --text"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "logits", "stories", "--ids", "5000", "--output", folder["o.npy"])).Error, Does.Contain("5000"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "logits", "stories", "--ids", "1", "--decoder-ids", "1", "--output", folder["o.npy"])).Error, Does.Contain("encoder-decoder"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "logits", "stories", "--ids", "1", "--output", folder["no/folder.npy"])).Error, Does.Contain("folder.npy"));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    /// <summary>The normalised mean squared error.</summary>
    private static double Error(float[] actual, float[] expected) =>
        actual.Zip(expected, (a, b) => ((double)a - b) * ((double)a - b)).Sum() / expected.Sum(value => (double)value * value);
}
