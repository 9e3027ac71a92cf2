using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Formats;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>Attention over blocks: to the bit what a plain loop over the decoded floats gives, in registers of either width, and what expanding the page first gives.</summary>
[Parallelizable]
public sealed unsafe class BlockAttentionKernelTests
{
    private const int Page = 32;
    private const int Span = AttentionKernels.SpanLength;

    [Test]
    public void ScoresAreThoseOfAPlainLoop(
        [Values(TensorType.Q8_0, TensorType.Q4_0)] TensorType type, [Values(2, 32, 64, 80, 128)] int size, [Values(1, 2, 3, 4, 5, 6, 7, 8)] int count, [Values(0, 8, 16)] int lanes)
    {
        var (keys, _, decoded) = Pages(type, size);
        var queries = Floats(count * size, 1);
        var scores = Floats(count * Span, 2);
        var expected = scores.ToArray();
        for (var q = 0; q < count; q++)
        {
            for (var p = 0; p < Page; p++)
            {
                var sum = 0f;
                for (var c = 0; c < size; c++)
                {
                    sum = MathF.FusedMultiplyAdd(queries[(q * size) + c], decoded[p][c], sum);
                }

                expected[(q * Span) + p] = sum;
            }
        }

        var packed = new float[8 * size];
        var rows = stackalloc float*[8];
        fixed (float* x = queries, pack = packed, to = scores)
        fixed (byte* k = keys)
        {
            for (var q = 0; q < count; q++)
            {
                rows[q] = x + (q * size);
            }

            AttentionKernels.Pack(rows, count, size, pack);
            switch (lanes, type)
            {
                case (8, TensorType.Q8_0):
                    BlockAttentionKernels.Kernel<Lanes8, Vector256<float>, Q8BlockLevels>.Score(rows, count, pack, k, size, to, k);
                    break;
                case (8, _):
                    BlockAttentionKernels.Kernel<Lanes8, Vector256<float>, Q4BlockLevels>.Score(rows, count, pack, k, size, to, k);
                    break;
                case (16, TensorType.Q8_0):
                    BlockAttentionKernels.Kernel<Lanes16, Vector512<float>, Q8BlockLevels>.Score(rows, count, pack, k, size, to, k);
                    break;
                case (16, _):
                    BlockAttentionKernels.Kernel<Lanes16, Vector512<float>, Q4BlockLevels>.Score(rows, count, pack, k, size, to, k);
                    break;
                default:
                    BlockAttentionKernels.Score(rows, count, pack, k, size, type, to, k);
                    break;
            }

            AreEqual(scores, expected);
            var expanded = new float[size * Page];
            fixed (float* floats = expanded)
            {
                BlockPageKernels.ExpandKeys(k, size, type, floats);
                AttentionKernels.Score(rows, count, pack, floats, size, to, k);
            }
        }

        AreEqual(scores, expected);
    }

    [Test]
    public void SumsAreThoseOfAPlainLoop(
        [Values(TensorType.Q8_0, TensorType.Q4_0)] TensorType type, [Values(20, 64, 96)] int size, [Values(1, 3, 4, 7, 8)] int count, [Values(0, 8, 16)] int lanes, [Values(0, 5)] int from, [Values(5, 6, 32)] int end)
    {
        var (_, values, decoded) = Pages(type, size);
        var stride = (size + 31) / 32 * 32;
        var weights = Floats(count * Span, 3);
        var sums = Floats(count * stride, 4);
        var expected = sums.ToArray();
        for (var q = 0; q < count; q++)
        {
            for (var p = from; p < end; p++)
            {
                for (var c = 0; c < stride; c++)
                {
                    expected[(q * stride) + c] = MathF.FusedMultiplyAdd(weights[(q * Span) + p], decoded[p][c], expected[(q * stride) + c]);
                }
            }
        }

        fixed (float* w = weights, to = sums)
        fixed (byte* v = values)
        {
            switch (lanes, type)
            {
                case (8, TensorType.Q8_0):
                    BlockAttentionKernels.Kernel<Lanes8, Vector256<float>, Q8BlockLevels>.Accumulate(w, count, from, end, v, stride, to, v);
                    break;
                case (8, _):
                    BlockAttentionKernels.Kernel<Lanes8, Vector256<float>, Q4BlockLevels>.Accumulate(w, count, from, end, v, stride, to, v);
                    break;
                case (16, TensorType.Q8_0):
                    BlockAttentionKernels.Kernel<Lanes16, Vector512<float>, Q8BlockLevels>.Accumulate(w, count, from, end, v, stride, to, v);
                    break;
                case (16, _):
                    BlockAttentionKernels.Kernel<Lanes16, Vector512<float>, Q4BlockLevels>.Accumulate(w, count, from, end, v, stride, to, v);
                    break;
                default:
                    BlockAttentionKernels.Accumulate(w, count, from, end, v, stride, type, to, v);
                    break;
            }
        }

        AreEqual(sums, expected);
    }

    /// <summary>Keys and values of a page in blocks, and the same rows as floats: [32][size, zeros behind it].</summary>
    private static (byte[] Keys, byte[] Values, float[][] Decoded) Pages(TensorType type, int size)
    {
        var format = BlockFormat.Get(type);
        var stride = (size + 31) / 32 * 32;
        var rowBytes = (int)format.RowBytes(stride);
        var (keys, values) = (new byte[Page * rowBytes], new byte[Page * rowBytes]);
        var (blocks, decoded) = (new byte[rowBytes], new float[Page][]);
        fixed (byte* k = keys, v = values)
        {
            for (var p = 0; p < Page; p++)
            {
                var row = Floats(stride, p);
                row.AsSpan(size).Clear();
                fixed (float* x = row)
                {
                    BlockPageKernels.StoreKey(x, size, k, p, type);
                    BlockPageKernels.StoreValue(x, size, v, p, type);
                }

                format.Encode(row, default, blocks);
                format.Decode(blocks, decoded[p] = new float[stride]);
            }
        }

        return (keys, values, decoded);
    }

    private static float[] Floats(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private static void AreEqual(float[] actual, float[] expected) =>
        Assert.That(actual.Select(BitConverter.SingleToInt32Bits), Is.EqualTo(expected.Select(BitConverter.SingleToInt32Bits)));
}
