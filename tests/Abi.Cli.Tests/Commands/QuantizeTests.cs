using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

[Parallelizable]
public sealed class QuantizeTests
{
    [TestCase("Q4_0")]
    [TestCase("Q4_K_M")]
    [TestCase("q8_0")]
    [TestCase("TQ2_0")]
    [TestCase("IQ4_XS")]
    public async Task AMixtureHasTheReferencesTypesAndSizes(string type)
    {
        using var folder = new TemporaryFolder();
        var run = await CliRun.SucceedAsync("quantize", Fixtures.Path("quantized-models", "f32.gguf"), folder["out.gguf"], type, "--json");
        using var made = GgufFile.Open(folder["out.gguf"]);
        using var reference = GgufFile.Open(Fixtures.Path("quantized-models", $"{type.ToUpperInvariant()}.gguf"));
        Assert.That(made.Tensors.Select(tensor => (tensor.Name, tensor.Type, tensor.ByteLength)), Is.EqualTo(reference.Tensors.Select(tensor => (tensor.Name, tensor.Type, tensor.ByteLength))));
        Assert.That(run.Json.GetProperty("bytes_after").GetInt64(), Is.EqualTo(made.Tensors.Sum(tensor => tensor.ByteLength)));
        Assert.That(run.Json.GetProperty("tensors").GetArrayLength(), Is.EqualTo(made.Tensors.Count));
        Assert.That(run.Json.GetProperty("type").GetString(), Is.EqualTo(type.ToUpperInvariant()));
    }

    [Test]
    public async Task SingleTensorsAndPureTypesCanBeSet()
    {
        using var folder = new TemporaryFolder();
        async Task<Dictionary<string, string>> Types(params string[] options)
        {
            await CliRun.SucceedAsync(["quantize", Fixtures.Path("quantized-models", "f32.gguf"), folder["out.gguf"], "Q4_K_M", "-t", "2", .. options]);
            using var file = GgufFile.Open(folder["out.gguf"]);
            return file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Type.ToString());
        }

        var mixed = await Types();
        Assert.That(mixed.Values.Distinct().Count(), Is.GreaterThan(2));
        var pure = await Types("--pure");
        Assert.That(pure.Values.Distinct(), Is.EquivalentTo(new[] { "F32", "Q4_K" }));
        var chosen = await Types("--output-tensor-type", "q8_0", "--token-embedding-type", "Q5_1");
        Assert.That((chosen["output.weight"], chosen["token_embd.weight"]), Is.EqualTo(("Q8_0", "Q5_1")));
        Assert.That(chosen.Where(pair => pair.Key is not ("output.weight" or "token_embd.weight")), Is.EquivalentTo(mixed.Where(pair => pair.Key is not ("output.weight" or "token_embd.weight"))));
    }

    [Test]
    public async Task ImportanceWeightsAreRead()
    {
        using var folder = new TemporaryFolder();
        using (var model = GgufFile.Open(Fixtures.Path("quantized-models", "f32.gguf")))
        {
            var writer = new GgufWriter(new GgufMetadata([new("general.type", GgufValue.Of("imatrix"))]));
            foreach (var tensor in model.Tensors.Where(tensor => tensor.Shape.Length > 1))
            {
                float[] sums = [.. Enumerable.Range(0, (int)tensor.Columns).Select(i => 1f + (i % 5))];
                writer.Add($"{tensor.Name}.in_sum2", TensorType.F32, [tensor.Columns, 1], System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(sums).ToArray());
                writer.Add($"{tensor.Name}.counts", TensorType.F32, [1, 1], new byte[] { 0, 0, 128, 63 });
            }

            writer.Write(folder["im.gguf"]);
        }

        await CliRun.SucceedAsync("quantize", Fixtures.Path("quantized-models", "f32.gguf"), folder["o.gguf"], "IQ1_S", "--imatrix", folder["im.gguf"]);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "quantize", Fixtures.Path("quantized-models", "f32.gguf"), folder["o.gguf"], "IQ1_S", "--imatrix", folder["none"])).Error, Does.Contain("no importance matrix"));
    }

    [Test]
    public async Task ADryRunTellsAndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        var run = await CliRun.SucceedAsync("quantize", Fixtures.Path("quantized-models", "f32.gguf"), folder["out.gguf"], "Q4_0", "--dry-run");
        Assert.That(run.Output, Does.Contain("blk.0.attn_q.weight").And.Contain("F32     → Q4_0"));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    /// <summary>What is written takes the place of what has its name: root would lose /dev/null.</summary>
    [Test]
    public async Task ADeviceIsNotReplaced()
    {
        const string Device = "/dev/abi-test-device"; // one that nobody misses
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Devices are no files there.");
        }

        using var folder = new TemporaryFolder();
        await CliRun.SucceedAsync("db", "create", folder["d.abi"], "c");
        string[][] commands =
        [
            ["quantize", Fixtures.Path("quantized-models", "f32.gguf"), Device, "Q4_0"], ["make-model", "tiny,blocks=1", Device], ["logits", "stories", "--ids", "1", "--output", Device],
            ["embed", "stories", "--text", "a", "--output", Device], ["generate", "stories", "-p", "a", "-n", "1", "--prompt-cache", Device],
            ["db", "backup", folder["d.abi"], "--output", Device], ["db", "export", folder["d.abi"], "c", Device, "--format", "jsonl"],
        ];
        try
        {
            foreach (var command in commands)
            {
                Assert.That((await CliRun.FailAsync(ExitCode.Usage, command)).Error, Does.Contain("is a device"));
                Assert.That(File.Exists(Device), Is.False);
            }
        }
        finally
        {
            File.Delete(Device);
        }
    }

    /// <summary>Who quantises onto the original has lost it.</summary>
    [Test]
    public async Task TheOriginalIsNotWrittenOver()
    {
        using var folder = new TemporaryFolder();
        var (input, adapter) = (folder["f32.gguf"], Fixtures.Path("stories-model", "lora", "stories-lora.gguf"));
        File.Copy(Fixtures.Path("quantized-models", "f32.gguf"), input);
        var bytes = File.ReadAllBytes(input);
        List<string> others = [input, Path.Combine(folder.Path, ".", "f32.gguf")];
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(folder["link.gguf"], input);
            others.Add(folder["link.gguf"]);
            Directory.CreateSymbolicLink(folder["link"], folder.Path);
            others.Add(Path.Combine(folder["link"], "f32.gguf"));
            others.Add(Path.Combine(folder["link"], "link", "link.gguf"));
        }

        foreach (var output in others)
        {
            Assert.That((await CliRun.FailAsync(ExitCode.Usage, "quantize", input, output, "Q4_0")).Error, Does.Contain("Name another file"));
            Assert.That((await CliRun.FailAsync(ExitCode.Usage, "lora", input, output, "--lora", adapter)).Error, Does.Contain("Name another file"));
        }

        Assert.That(File.ReadAllBytes(input), Is.EqualTo(bytes));

        // nor is what else it is made of
        File.WriteAllBytes(folder["other"], [1, 2, 3]);
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "lora", input, folder["other"], "--lora", adapter, "--lora", folder["other"] + "=0.5")).Error, Does.Contain("Name another file"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "quantize", input, folder["other"], "Q4_0", "--imatrix", folder["other"])).Error, Does.Contain("Name another file"));
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        using var folder = new TemporaryFolder();
        var input = Fixtures.Path("quantized-models", "f32.gguf");
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "quantize", input, folder["o"], "Q4_K_X")).Error, Does.Contain("did you mean 'Q4_K_").And.Contain("Q8_0"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "quantize", input, folder["o"])).Error, Does.Contain("TYPE is missing"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "quantize", "stories", folder["o"], "Q4_0")).Error, Does.Contain("Q8_0 already").And.Contain("Here, --allow-requantize"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "quantize", input, folder["o"], "IQ1_S")).Error, Does.Contain("importance"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "quantize", input, folder["o"], "Q4_0", "--output-tensor-type", "Q99")).Error, Does.Contain("Q99"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "quantize", folder["none"], folder["o"], "Q4_0")).Error, Does.Contain("no model file"));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
        await CliRun.SucceedAsync("quantize", "stories", folder["o"], "Q4_0", "--allow-requantize");
    }
}
