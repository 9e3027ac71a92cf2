using Abi.Compute.Formats;
using Abi.Testing;

namespace Abi.Compute.Tests.Formats;

public sealed class EncoderTests
{
    public static IEnumerable<string> StoredBlocks() => Fixtures.TryPath("quantization") is { } folder
        ? Directory.GetFiles(folder, "*.bin").Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => Format(name).CanEncode).Order(StringComparer.Ordinal)
        : [""];

    [TestCaseSource(nameof(StoredBlocks))]
    public void EncodingGivesTheReferencesBytes(string name)
    {
        var (shape, source) = NpyFile.Read<float>(Fixtures.Path("quantization", "source.npy"));
        var importance = name.EndsWith(".importance", StringComparison.Ordinal) ? NpyFile.Read<float>(Fixtures.Path("quantization", "importance.npy")).Values : [];
        var expected = File.ReadAllBytes(Fixtures.Path("quantization", $"{name}.bin"));
        var format = Format(name);
        var columns = shape[1];
        var rowBytes = (int)format.RowBytes(columns);
        var actual = new byte[expected.Length];
        for (var row = 0; row < shape[0]; row++)
        {
            format.Encode(source.AsSpan(row * columns, columns), importance, actual.AsSpan(row * rowBytes, rowBytes));
        }

        var different = Enumerable.Range(0, actual.Length / format.BlockBytes).Where(b => !actual.AsSpan(b * format.BlockBytes, format.BlockBytes).SequenceEqual(expected.AsSpan(b * format.BlockBytes, format.BlockBytes))).ToList();
        Assert.That(different, Is.Empty, $"{name}: blocks of {format.BlockLength}, {columns / format.BlockLength} a row");
    }

    private static BlockFormat Format(string name) => BlockFormat.Get(Enum.Parse<TensorType>(name.Split('.')[0]));
}
