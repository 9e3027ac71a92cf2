using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;

namespace Abi.Llm.Tests.Quantization;

[Parallelizable]
public sealed class ModelQuantizerTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("abi-quantize").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("F16", TensorType.F16, TensorType.F16, TensorType.F16, TensorType.F16)]
    [TestCase("Q8_0", TensorType.Q8_0, TensorType.Q8_0, TensorType.Q8_0, TensorType.Q8_0)]
    [TestCase("Q4_0", TensorType.Q4_0, TensorType.Q6_K, TensorType.Q4_0, TensorType.Q4_0)]
    [TestCase("Q4_K_M", TensorType.Q4_K, TensorType.Q6_K, TensorType.Q6_K, TensorType.Q6_K)]
    [TestCase("Q4_K_S", TensorType.Q4_K, TensorType.Q6_K, TensorType.Q5_K, TensorType.Q5_K)]
    [TestCase("Q3_K_M", TensorType.Q3_K, TensorType.Q6_K, TensorType.Q5_K, TensorType.Q4_K)]
    [TestCase("Q2_K", TensorType.Q2_K, TensorType.Q6_K, TensorType.Q3_K, TensorType.Q3_K)]
    [TestCase("IQ4_XS", TensorType.IQ4_XS, TensorType.Q6_K, TensorType.IQ4_XS, TensorType.Q5_K)]
    [TestCase("TQ1_0", TensorType.Q4_K, TensorType.Q6_K, TensorType.TQ1_0, TensorType.TQ1_0)]
    public void AMixtureGivesSensitiveTensorsMore(string target, TensorType embedding, TensorType output, TensorType firstValue, TensorType firstDown)
    {
        var model = Make("tiny,blocks=8");
        var path = Path.Combine(_folder, "out.gguf");
        ModelQuantizer.Quantize(model, path, QuantizationTarget.Parse(target));
        using var source = GgufFile.Open(model);
        using var result = GgufFile.Open(path);
        Assert.That(result.GetTensor("token_embd.weight").Type, Is.EqualTo(embedding));
        Assert.That(result.GetTensor("output.weight").Type, Is.EqualTo(output));
        Assert.That(result.GetTensor("blk.0.attn_v.weight").Type, Is.EqualTo(firstValue));
        Assert.That(result.GetTensor("blk.0.ffn_down.weight").Type, Is.EqualTo(firstDown));
        Assert.That(result.GetTensor("blk.0.attn_norm.weight").Type, Is.EqualTo(TensorType.F32));
        Assert.That(result.Metadata.GetInt32("general.file_type"), Is.EqualTo(QuantizationTarget.Parse(target).FileType));
        Assert.That(result.Metadata.GetInt32("general.quantization_version"), Is.EqualTo(2));
        foreach (var tensor in result.Tensors)
        {
            // The rows are what the format's encoder makes of the source's rows, whatever threads made them.
            var original = source.GetTensor(tensor.Name);
            var values = new float[tensor.Columns];
            original.DecodeRow(tensor.Rows - 1, values);
            var expected = new byte[tensor.RowByteLength];
            tensor.Format.Encode(values, default, expected);
            Assert.That(tensor.RowBytes(tensor.Rows - 1).SequenceEqual(expected), tensor.Name);
        }
    }

    [Test]
    public void APartOfTheModelThatIsReadIsNotWrittenOver()
    {
        string[] parts = [.. Enumerable.Range(1, 2).Select(part => Path.Combine(_folder, $"split-0000{part}-of-00002.gguf"))];
        using (var whole = GgufFile.Open(Make("tiny")))
        {
            for (var part = 0; part < 2; part++)
            {
                WritePart(parts[part], whole, part);
            }
        }

        var before = parts.Select(File.ReadAllBytes).ToList();
        foreach (var part in parts)
        {
            var name = OperatingSystem.IsLinux() ? part : part.ToUpperInvariant(); // the same file elsewhere
            Assert.That(() => ModelQuantizer.Quantize(parts[0], name, QuantizationTarget.Parse("Q8_0")), Throws.TypeOf<AbiException>().With.Message.Contains(name).And.Message.Contains("part"));
        }

        Assert.That(parts.Select(File.ReadAllBytes), Is.EqualTo(before));
        var result = Path.Combine(_folder, "whole.gguf");
        Assert.That(ModelQuantizer.Quantize(parts[1], result, QuantizationTarget.Parse("Q8_0")), Is.EqualTo(ModelQuantizer.Quantize(Path.Combine(_folder, "model.gguf"), result, QuantizationTarget.Parse("Q8_0"))).Using<TensorConversion>((a, b) => a.Name == b.Name && a.BytesAfter == b.BytesAfter));
    }

    [Test]
    public void WhatAKilledQuantisationLeftIsTakenAway()
    {
        var model = Make("tiny");
        var output = Path.Combine(_folder, "out.gguf");
        var (left, held, young, other) = ($"{output}.{Guid.NewGuid():N}.part", $"{output}.{Guid.NewGuid():N}.part", $"{output}.{Guid.NewGuid():N}.part", $"{output}.mine.part");
        foreach (var path in (string[])[left, held, young, other])
        {
            File.WriteAllText(path, "left");
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(path == young ? 0 : -2));
        }

        using (new FileStream(held, FileMode.Open, FileAccess.Write, FileShare.None))
        {
            ModelQuantizer.Quantize(model, output, QuantizationTarget.Parse("Q8_0"));
        }

        Assert.That(Directory.GetFiles(_folder), Is.EquivalentTo(new[] { model, output, held, young, other }));
    }

    [Test]
    public void RowsThatAreNotWholeBlocksFallBack()
    {
        var model = Make("tiny,embedding=288,feedforward=96,heads=6,kvheads=3,vocabulary=300");
        Dictionary<string, TensorType> plan;
        using (var file = GgufFile.Open(model))
        {
            plan = ModelQuantizer.Plan(file, QuantizationTarget.Parse("Q4_K_M")).ToDictionary(entry => entry.Name, entry => entry.To);
        }

        Assert.That(plan["token_embd.weight"], Is.EqualTo(TensorType.Q5_0));
        Assert.That(plan["output.weight"], Is.EqualTo(TensorType.Q8_0));
        Assert.That(plan["blk.1.attn_q.weight"], Is.EqualTo(TensorType.Q5_0));
        Assert.That(plan["blk.3.ffn_down.weight"], Is.EqualTo(TensorType.Q8_0));
        model = Make("tiny,embedding=80,feedforward=48,heads=5,kvheads=5,vocabulary=300");
        using var narrow = GgufFile.Open(model);
        Assert.That(ModelQuantizer.Plan(narrow, QuantizationTarget.Parse("Q4_K_M")).Where(entry => entry.Shape.Length > 1 && entry.Name != "output.weight").Select(entry => entry.To), Is.All.EqualTo(TensorType.F16));
    }

    [Test]
    public void PureMeansOneFormat()
    {
        var model = Make("tiny");
        using var file = GgufFile.Open(model);
        var plan = ModelQuantizer.Plan(file, QuantizationTarget.Parse("Q4_K_M"), new ModelQuantizerOptions { Pure = true });
        Assert.That(plan.Where(entry => entry.Shape.Length > 1).Select(entry => entry.To), Is.All.EqualTo(TensorType.Q4_K));
    }

    [Test]
    public void WhatNeedsAPermissionIsRefusedWithoutIt()
    {
        var model = Make("tiny", "Q8_0");
        var path = Path.Combine(_folder, "out.gguf");
        Assert.That(() => ModelQuantizer.Quantize(model, path, QuantizationTarget.Parse("Q4_0")), Throws.InstanceOf<AbiException>().With.Message.Contains("Q8_0 already"));
        Assert.That(File.Exists(path), Is.False);
        ModelQuantizer.Quantize(model, path, QuantizationTarget.Parse("Q4_0"), new ModelQuantizerOptions { AllowRequantize = true });
        Assert.That(File.Exists(path));
        model = Make("tiny");
        Assert.That(() => ModelQuantizer.Quantize(model, path, QuantizationTarget.Parse("IQ2_XXS")), Throws.InstanceOf<AbiException>().With.Message.Contains("importance"));
        Assert.That(() => QuantizationTarget.Parse("Q9_Z"), Throws.ArgumentException.With.Message.Contains("Q4_K_M"));
    }

    [Test]
    public void ABrokenWeightIsNamed()
    {
        var path = Path.Combine(_folder, "broken.gguf");
        var writer = new GgufWriter(new GgufMetadata([KeyValuePair.Create("general.architecture", GgufValue.Of("llama")), KeyValuePair.Create("llama.block_count", GgufValue.Of(1u))]));
        var values = new float[512];
        values[300] = float.NaN;
        var bytes = new byte[2048];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        writer.Add("blk.0.attn_q.weight", TensorType.F32, [256, 2], bytes);
        writer.Write(path);
        Assert.That(
            () => ModelQuantizer.Quantize(path, Path.Combine(_folder, "out.gguf"), QuantizationTarget.Parse("Q4_K_M")),
            Throws.InstanceOf<ModelFormatException>().With.Message.Contains("Row 1 of 'blk.0.attn_q.weight'"));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
    }

    [Test]
    public void CancellingLeavesNothing()
    {
        var model = Make("tiny");
        var path = Path.Combine(_folder, "out.gguf");
        using var cancellation = new CancellationTokenSource();
        var progress = new Reports(report =>
        {
            if (report.TensorsDone == 5)
            {
                cancellation.Cancel();
            }
        });
        Assert.That(() => ModelQuantizer.Quantize(model, path, QuantizationTarget.Parse("Q4_K_M"), progress: progress, cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
    }

    [Test]
    public void ProgressRisesToOne()
    {
        var fractions = new List<double>();
        ModelQuantizer.Quantize(Make("tiny"), Path.Combine(_folder, "out.gguf"), QuantizationTarget.Parse("Q8_0"), progress: new Reports(report => fractions.Add(report.Fraction)));
        Assert.That(fractions, Is.Ordered);
        Assert.That(fractions[0], Is.Zero);
        Assert.That(fractions[^1], Is.EqualTo(1));
    }

    /// <summary>Writes one of two parts: every second tensor. Writers leave keys of parts out, so they are made of others afterwards.</summary>
    private static void WritePart(string path, GgufFile whole, int part)
    {
        var writer = new GgufWriter(whole.Metadata.With("splat.no", GgufValue.Of((ushort)part)).With("splat.count", GgufValue.Of((ushort)2)).With("splat.tensors.count", GgufValue.Of(whole.Tensors.Count)));
        foreach (var tensor in whole.Tensors.Where((_, i) => i % 2 == part))
        {
            writer.Add(tensor);
        }

        writer.Write(path);
        var bytes = File.ReadAllBytes(path);
        for (var at = 0; bytes.AsSpan(at).IndexOf("splat."u8) is var offset and >= 0; at += offset)
        {
            "split."u8.CopyTo(bytes.AsSpan(at + offset));
        }

        File.WriteAllBytes(path, bytes);
    }

    private string Make(string shape, string target = "F32")
    {
        var path = Path.Combine(_folder, "model.gguf");
        RandomModel.Write(path, ModelShape.Parse(shape), QuantizationTarget.Parse(target));
        return path;
    }

    private sealed class Reports(Action<QuantizationProgress> action) : IProgress<QuantizationProgress>
    {
        public void Report(QuantizationProgress value) => action(value);
    }
}
