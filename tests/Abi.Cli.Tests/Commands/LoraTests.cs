using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

/// <summary>Adapters on the command line: applied, scaled, and merged.</summary>
[Parallelizable]
public sealed class LoraTests
{
    private static string Model => Fixtures.Path("stories-model", "stories-f16.gguf");

    private static string Adapter => Fixtures.Path("stories-model", "lora", "stories-lora.gguf");

    [Test]
    public async Task AMergedModelSaysWhatTheAppliedAdapterSays()
    {
        using var folder = new TemporaryFolder();
        var merged = folder["merged.gguf"];
        var run = await CliRun.SucceedAsync("lora", Model, merged, "--lora", Adapter, "--type", "f32", "--json");
        Assert.That(run.Json.GetProperty("changed").GetArrayLength(), Is.GreaterThan(6));
        string[] prompt = ["-p", "First Citizen:", "-n", "24", "--temp", "0"];
        var applied = await GenerateAsync(["generate", Model, "--lora", Adapter, .. prompt]);
        Assert.That((await GenerateAsync(["generate", merged, .. prompt])).Output, Is.EqualTo(applied.Output));
        var plain = await GenerateAsync(["generate", Model, .. prompt]);
        Assert.That(plain.Output, Is.Not.EqualTo(applied.Output));
        Assert.That((await GenerateAsync(["generate", Model, "--lora", Adapter + "=0", .. prompt])).Output, Is.EqualTo(plain.Output));
    }

    [TestCase("f32", TensorType.F32)]
    [TestCase("Q8_0", TensorType.Q8_0)]
    [TestCase("q4_1", TensorType.Q4_1)]
    [TestCase(null, TensorType.F16)]
    public async Task ChangedTensorsAreWrittenInTheTypeAskedForAndTheOthersAsTheyAre(string? name, TensorType expected)
    {
        using var folder = new TemporaryFolder();
        var merged = folder["merged.gguf"];
        var run = await CliRun.SucceedAsync(["lora", Model, merged, "--lora", Adapter + "=0.5", "--json", .. name is null ? [] : new[] { "--type", name }]);
        var changed = run.Json.GetProperty("changed").EnumerateArray().Select(tensor => tensor.GetString()!).ToHashSet();
        using var before = GgufFile.Open(Model);
        using var after = GgufFile.Open(merged);
        Assert.That(changed, Is.Not.Empty.And.Count.LessThan(before.Tensors.Count));
        Assert.That(after.Tensors.Select(tensor => tensor.Name), Is.EqualTo(before.Tensors.Select(tensor => tensor.Name)));
        var row = new float[before.Tensors.Max(tensor => tensor.Columns)];
        var plain = new float[row.Length];
        foreach (var (own, merge) in before.Tensors.Zip(after.Tensors))
        {
            var isChanged = changed.Contains(own.Name);
            Assert.That(merge.Type, Is.EqualTo(isChanged ? expected : own.Type), own.Name);
            var differs = false;
            for (var r = 0; r < own.Rows; r++)
            {
                own.DecodeRow(r, plain.AsSpan(0, (int)own.Columns));
                merge.DecodeRow(r, row.AsSpan(0, (int)own.Columns));
                differs |= !row.AsSpan(0, (int)own.Columns).SequenceEqual(plain.AsSpan(0, (int)own.Columns));
            }

            Assert.That(differs, Is.EqualTo(isChanged), own.Name);
        }

        // the type only rounds: each merge is the float32 one in that format
        if (expected is TensorType.Q8_0 or TensorType.Q4_1)
        {
            var exact = folder["exact.gguf"];
            await CliRun.SucceedAsync("lora", Model, exact, "--lora", Adapter + "=0.5", "--type", "f32");
            using var floats = GgufFile.Open(exact);
            var format = BlockFormat.Get(expected);
            var bytes = new byte[format.RowBytes(row.Length)];
            foreach (var (wide, narrow) in floats.Tensors.Zip(after.Tensors).Where(pair => changed.Contains(pair.First.Name)))
            {
                var columns = (int)wide.Columns;
                wide.DecodeRow(1, row.AsSpan(0, columns));
                var expectedBytes = bytes.AsSpan(0, (int)format.RowBytes(columns));
                format.Encode(row.AsSpan(0, columns), default, expectedBytes);
                Assert.That(narrow.RowBytes(1).ToArray(), Is.EqualTo(expectedBytes.ToArray()), wide.Name);
            }
        }
    }

    [TestCase("iq2_xxs", 1, "Choose another format")]
    [TestCase("nonsense", 2, "--type")]
    [TestCase("f99", 2, "--type")]
    public async Task ATypeThatCannotBeWrittenIsSaidAndLeavesNothing(string type, int code, string what)
    {
        using var folder = new TemporaryFolder();
        var run = await CliRun.FailAsync(code, "lora", Model, folder["merged.gguf"], "--lora", Adapter, "--type", type);
        Assert.That(run.Error, Does.Contain(what));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    private static Task<CliRun> GenerateAsync(string[] arguments) => CliRun.SucceedAsync(arguments);

    [Test]
    public async Task WhatCannotBeAppliedIsNamed()
    {
        using var folder = new TemporaryFolder();
        await CliRun.FailAsync(2, "lora", Model, folder["out.gguf"]);
        await CliRun.FailAsync(2, "generate", Model, "-p", "x", "--lora", Adapter + "=much");
        var run = await CliRun.FailAsync(1, "lora", Model, folder["out.gguf"], "--lora", Model);
        Assert.That(run.Error, Does.Contain("general.type"));
        Assert.That(File.Exists(folder["out.gguf"]), Is.False);
    }
}
