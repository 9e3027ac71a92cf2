using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>Attention over floats: to the bit what a plain loop gives, in registers of either width and for every number of queries.</summary>
public sealed unsafe class AttentionKernelTests
{
    private const int Page = 32;
    private const int Span = AttentionKernels.SpanLength;

    [Test]
    public void ScoresAreThoseOfAPlainLoop([Values(1, 64, 80)] int size, [Values(1, 2, 3, 4, 5, 7, 8, 9, 16, 19)] int count, [Values(8, 16)] int lanes)
    {
        var keys = Floats(size * Page, 1);
        var queries = Floats(count * size, 2);
        var scores = Floats(count * Span, 3);
        var expected = scores.ToArray();
        for (var q = 0; q < count; q++)
        {
            for (var p = 0; p < Page; p++)
            {
                var sum = 0f;
                for (var c = 0; c < size; c++)
                {
                    sum = MathF.FusedMultiplyAdd(queries[(q * size) + c], keys[(c * Page) + p], sum);
                }

                expected[(q * Span) + p] = sum;
            }
        }

        var packed = new float[(count + 7) / 8 * 8 * size];
        var rows = stackalloc float*[count];
        fixed (float* x = queries, pack = packed, k = keys, to = scores)
        {
            for (var q = 0; q < count; q++)
            {
                rows[q] = x + (q * size);
            }

            AttentionKernels.Pack(rows, count, size, pack);
            if (lanes == 8)
            {
                AttentionKernels<Lanes8, Vector256<float>>.Score(rows, count, pack, k, size, to, (byte*)k);
            }
            else
            {
                AttentionKernels<Lanes16, Vector512<float>>.Score(rows, count, pack, k, size, to, (byte*)k);
            }
        }

        Assert.That(Bits(scores), Is.EqualTo(Bits(expected)));
    }

    [Test]
    public void SumsAreThoseOfAPlainLoop([Values(16, 48, 64, 96, 144)] int stride, [Values(1, 2, 3, 4, 5, 7, 8, 9, 16, 19)] int count, [Values(8, 16)] int lanes)
    {
        var values = Floats(Page * stride, 1);
        var weights = Floats(count * Span, 2);
        var sums = Floats(count * stride, 3);
        foreach (var (from, end) in new[] { (0, Page), (3, 29), (7, 8), (5, 5) })
        {
            var expected = sums.ToArray();
            for (var q = 0; q < count; q++)
            {
                for (var c = 0; c < stride; c++)
                {
                    for (var p = from; p < end; p++)
                    {
                        expected[(q * stride) + c] = MathF.FusedMultiplyAdd(weights[(q * Span) + p], values[(p * stride) + c], expected[(q * stride) + c]);
                    }
                }
            }

            fixed (float* w = weights, v = values, to = sums)
            {
                if (lanes == 8)
                {
                    AttentionKernels<Lanes8, Vector256<float>>.Accumulate(w, count, from, end, v, stride, to, (byte*)v);
                }
                else
                {
                    AttentionKernels<Lanes16, Vector512<float>>.Accumulate(w, count, from, end, v, stride, to, (byte*)v);
                }
            }

            Assert.That(Bits(sums), Is.EqualTo(Bits(expected)), $"positions {from} to {end}");
        }
    }

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    private static float[] Floats(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
