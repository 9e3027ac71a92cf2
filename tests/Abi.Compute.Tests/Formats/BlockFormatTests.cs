using System.Text.Json;
using Abi.Compute.Formats;
using Abi.Testing;

namespace Abi.Compute.Tests.Formats;

public sealed class BlockFormatTests
{
    public static IEnumerable<string> StoredBlocks() => Fixtures.TryPath("quantization") is { } folder
        ? Directory.GetFiles(folder, "*.dequantized.npy").Select(path => Path.GetFileName(path).Replace(".dequantized.npy", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
        : [""];

    [TestCaseSource(nameof(StoredBlocks))]
    public void DecodingGivesTheReferencesFloatsBitForBit(string name)
    {
        var (_, expected) = NpyFile.Read<uint>(Fixtures.Path("quantization", $"{name}.dequantized.npy"));
        var blocks = File.ReadAllBytes(Fixtures.Path("quantization", $"{name}.bin"));
        var values = new float[expected.Length];
        BlockFormat.Get(Enum.Parse<TensorType>(name.Split('.')[0])).Decode(blocks, values);
        Assert.That(Array.ConvertAll(values, BitConverter.SingleToUInt32Bits), Is.EqualTo(expected), name);
    }

    [Test]
    public void SizesAreTheReferences()
    {
        var types = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("quantization", "index.json"))).RootElement.GetProperty("types");
        var compared = 0;
        foreach (var entry in types.EnumerateObject())
        {
            var format = BlockFormat.Get(Enum.Parse<TensorType>(entry.Name));
            Assert.That((int)format.Type, Is.EqualTo(entry.Value.GetProperty("ggml_type").GetInt32()), entry.Name);
            Assert.That(format.BlockLength, Is.EqualTo(entry.Value.GetProperty("block_size").GetInt32()), entry.Name);
            Assert.That(format.RowBytes(512), Is.EqualTo(entry.Value.GetProperty("row_bytes").GetInt64()), entry.Name);
            compared++;
        }

        Assert.That(compared, Is.GreaterThan(25));
    }

    [Test]
    public void HalvesAreRoundedAsTheReferenceRoundsThem()
    {
        var (_, source) = NpyFile.Read<float>(Fixtures.Path("quantization", "rounding-source.npy"));
        foreach (var type in new[] { TensorType.F16, TensorType.BF16 })
        {
            var (_, expected) = NpyFile.Read<ushort>(Fixtures.Path("quantization", $"rounding-{type}.npy"));
            var bytes = new byte[source.Length * 2];
            BlockFormat.Get(type).Encode(source, default, bytes);
            var actual = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(bytes).ToArray();
            for (var i = 0; i < source.Length; i++)
            {
                // Which NaN a NaN becomes is not defined beyond its being one.
                if (!float.IsNaN(source[i]))
                {
                    Assert.That(actual[i], Is.EqualTo(expected[i]), $"{type} of {source[i]:r}");
                }
            }
        }
    }

    [Test]
    public void EveryFormatDecodesAnyBytesWithoutHarm()
    {
        var random = new Random(1);
        foreach (var format in BlockFormat.All.Where(f => !f.IsIntegerData))
        {
            var blocks = new byte[format.BlockBytes * 50];
            random.NextBytes(blocks);
            Assert.That(() => format.Decode(blocks, new float[format.BlockLength * 50]), Throws.Nothing, format.Name);
            Assert.That(() => format.Decode(blocks.AsSpan(1).ToArray(), new float[format.BlockLength * 50]), Throws.ArgumentException, format.Name);
        }
    }
}
