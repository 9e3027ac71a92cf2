using System.Text;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Quantization;
using Abi.Testing;

namespace Abi.Llm.Tests.Quantization;

public sealed class ImportanceMatrixTests
{
    private string _path = null!;

    [SetUp]
    public void MakePath() => _path = Path.Combine(Path.GetTempPath(), $"abi-{Guid.NewGuid():N}.imatrix");

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void SumsAreDividedByTheirCounts()
    {
        Write(("a.weight", [2, 4, 6, 8], [2, 1], [2]), ("e.weight", [2, 4, 6, 8, 1, 1], [2, 3], [2, 0, 1]));
        var matrix = ImportanceMatrix.Read(_path);
        Assert.That(matrix.Values.Keys, Is.EquivalentTo(new[] { "a.weight", "e.weight" }));
        Assert.That(matrix.Values["a.weight"], Is.EqualTo(new float[] { 1, 2 }));
        Assert.That(matrix.Values["e.weight"], Is.EqualTo(new float[] { 1, 2, 1, 1, 1, 1 }), "an expert without a count has ones");
    }

    [Test]
    public void TheOlderFormatIsReadToo()
    {
        File.WriteAllBytes(_path, Binary(("a.weight", 4, [4, 8, 12]), ("b.weight", 0, [1, 2])));
        var matrix = ImportanceMatrix.Read(_path);
        Assert.That(matrix.Values["a.weight"], Is.EqualTo(new float[] { 1, 2, 3 }));
        Assert.That(matrix.Values["b.weight"], Is.EqualTo(new float[] { 1, 2 }));
    }

    [Test]
    public void ImportanceLetsTheSmallestFormatsBeMade()
    {
        var input = Fixtures.Path("quantized-models", "f32.gguf");
        using (var model = GgufFile.Open(input))
        {
            Write([.. model.Tensors.Where(tensor => tensor.Shape.Length > 1).Select(tensor => (
                tensor.Name, Enumerable.Range(0, (int)tensor.Columns).Select(i => 1f + (i % 7)).ToArray(), new long[] { tensor.Columns, 1 }, new float[] { 1 }))]);
        }

        var output = $"{_path}.gguf";
        try
        {
            var importance = ImportanceMatrix.Read(_path).Values;
            ModelQuantizer.Quantize(input, output, QuantizationTarget.Parse("IQ2_XXS"), new ModelQuantizerOptions { Importance = importance });
            using var made = GgufFile.Open(output);
            Assert.That(made.GetTensor("blk.0.attn_q.weight").Type, Is.EqualTo(TensorType.IQ2_XXS));
            Assert.That(made.GetTensor("blk.0.attn_q.weight").ToFloats(), Has.All.Matches<float>(float.IsFinite));
        }
        finally
        {
            File.Delete(output);
        }
    }

    [TestCase("01000000", "ends in the middle")]
    [TestCase("00000000", "0 entries")]
    [TestCase("0100000005000000", "room for 0")]
    [TestCase("ffffff7f01000000610100000001000000", "room for 0")]
    [TestCase("010000000100000061010000000000c07f0000c07f", "room for 1")]
    [TestCase("01000000010000006101000000010000000000c07f", "not finite")]
    [TestCase("0100000001000000610100000001000000000080bf", "negative")]
    public void BrokenFilesAreRefused(string hex, string message)
    {
        File.WriteAllBytes(_path, Convert.FromHexString(hex));
        Assert.That(() => ImportanceMatrix.Read(_path), Throws.TypeOf<ModelFormatException>().With.Message.Contains(message).And.Message.Contains(_path));
    }

    [Test]
    public void AModelIsNoImportanceMatrix() =>
        Assert.That(() => ImportanceMatrix.Read(Fixtures.Path("quantized-models", "f32.gguf")), Throws.TypeOf<ModelFormatException>().With.Message.Contains("not an importance matrix"));

    [Test]
    public void AMissingFileIsSaid() => Assert.That(() => ImportanceMatrix.Read(_path), Throws.TypeOf<AbiException>().With.Message.Contains("There is no importance matrix"));

    [Test]
    public void CountsMustFitTheSums()
    {
        Write(("a.weight", [1, 2, 3, 4], [2, 2], [1]));
        Assert.That(() => ImportanceMatrix.Read(_path), Throws.TypeOf<ModelFormatException>().With.Message.Contains("a.weight"));
    }

    private void Write(params (string Name, float[] Sums, long[] Shape, float[] Counts)[] entries)
    {
        var writer = new GgufWriter(new GgufMetadata([new("general.type", GgufValue.Of("imatrix"))]));
        foreach (var (name, sums, shape, counts) in entries)
        {
            writer.Add($"{name}.in_sum2", TensorType.F32, shape, Bytes(sums.AsSpan(0, (int)(shape[0] * shape[1]))));
            writer.Add($"{name}.counts", TensorType.F32, [1, counts.Length], Bytes(counts));
        }

        writer.Write(_path);
    }

    private static byte[] Bytes(ReadOnlySpan<float> values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray();

    private static byte[] Binary(params (string Name, int Calls, float[] Sums)[] entries)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(entries.Length);
        foreach (var (name, calls, sums) in entries)
        {
            writer.Write(name.Length);
            writer.Write(Encoding.UTF8.GetBytes(name));
            writer.Write(calls);
            writer.Write(sums.Length);
            writer.Write(Bytes(sums));
        }

        return stream.ToArray();
    }
}
