using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Formats;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>Keys and values in blocks: the bytes and the floats of the formats themselves, wherever they lie in a page.</summary>
public sealed unsafe class BlockPageKernelTests
{
    private const int Page = 32;

    [TestCase(TensorType.Q8_0)]
    [TestCase(TensorType.Q4_0)]
    public void BlocksAreThoseOfTheFormat(TensorType type)
    {
        var format = BlockFormat.Get(type);
        var random = new Random(3);
        Span<byte> actual = stackalloc byte[34];
        Span<byte> expected = stackalloc byte[format.BlockBytes];
        for (var round = 0; round < 2000; round++)
        {
            var columns = random.Next(1, 70);
            var values = new float[96];
            for (var i = 0; i < columns; i++)
            {
                // halves of a level, equal magnitudes of both signs, tiny and huge ones
                values[i] = (round % 4) switch { 0 => random.Next(-254, 255) / 2f, 1 => random.Next(-1, 2), 2 => random.NextSingle() - 0.5f, _ => MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(-140, 20)) };
            }

            format.Encode(values.AsSpan(0, 32).ToArray(), default, expected);
            if (columns < 32)
            {
                values.AsSpan(columns).Fill(1000); // what lies behind is not looked at
            }

            fixed (float* x = values)
            {
                BlockPageKernels.Encode(x, columns, type, actual);
            }

            Assert.That(actual[..format.BlockBytes].SequenceEqual(expected), $"round {round}");
        }
    }

    [TestCase(TensorType.Q8_0, 32)]
    [TestCase(TensorType.Q8_0, 7)]
    [TestCase(TensorType.Q8_0, 80)]
    [TestCase(TensorType.Q4_0, 32)]
    [TestCase(TensorType.Q4_0, 7)]
    [TestCase(TensorType.Q4_0, 80)]
    public void KeysAndValuesAreFoundWhereTheyWerePut(TensorType type, int size)
    {
        var format = BlockFormat.Get(type);
        var stride = (size + 31) / 32 * 32;
        var rowBytes = (int)format.RowBytes(stride);
        var random = new Random(size);
        var (keys, values) = (new byte[Page * rowBytes], new byte[Page * rowBytes]);
        var (expandedKeys, expandedValues) = (new float[size * Page], new float[Page * stride]);
        random.NextBytes(keys);
        random.NextBytes(values);
        var rows = Enumerable.Range(0, Page).Select(_ => Enumerable.Range(0, stride).Select(i => i < size ? random.NextSingle() - 0.5f : 0).ToArray()).ToArray();
        var (blocks, read, decoded) = (new byte[rowBytes], new byte[rowBytes], new float[stride]);
        fixed (byte* k = keys, v = values)
        fixed (float* ek = expandedKeys, ev = expandedValues)
        {
            foreach (var p in Enumerable.Range(0, Page).Reverse())
            {
                fixed (float* row = rows[p])
                {
                    BlockPageKernels.StoreKey(row, size, k, p, type);
                    BlockPageKernels.StoreValue(row, size, v, p, type);
                }
            }

            BlockPageKernels.ExpandKeys(k, size, type, ek);
            BlockPageKernels.ExpandValues(v, stride, type, ev);
            for (var p = 0; p < Page; p++)
            {
                format.Encode(rows[p], default, blocks);
                format.Decode(blocks, decoded);
                Assert.That(Enumerable.Range(0, size).Select(c => expandedKeys[(c * Page) + p]), Is.EqualTo(decoded[..size]), $"key {p}");
                Assert.That(expandedValues[(p * stride)..((p + 1) * stride)], Is.EqualTo(decoded), $"value {p}");
                BlockPageKernels.ReadKey(k, p, type, read);
                Assert.That(read, Is.EqualTo(blocks));
                BlockPageKernels.ReadValue(v, p, type, read);
                Assert.That(read, Is.EqualTo(blocks));
                BlockPageKernels.WriteKey(k, (p + 1) % Page, type, blocks);
                BlockPageKernels.ReadKey(k, (p + 1) % Page, type, read);
                Assert.That(read, Is.EqualTo(blocks));
                fixed (float* row = rows[(p + 1) % Page])
                {
                    BlockPageKernels.StoreKey(row, size, k, (p + 1) % Page, type); // as it was
                }
            }
        }
    }
}
