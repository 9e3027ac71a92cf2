using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// The two products of attention over one page of 32 positions. A score is one chain of fused multiply-adds over the columns of the key, an output one over positions, both
/// ascending, so neither depends on how many queries are computed together.
/// </summary>
internal static unsafe class AttentionKernels
{
    /// <summary>The queries that are computed together where there are as many.</summary>
    public const int Tile = 8;

    /// <summary>The positions of a span: scores of one query lie so many floats from the next one's.</summary>
    public const int SpanLength = SpanPages * Page;

    /// <summary>The pages of a span.</summary>
    public const int SpanPages = 8;

    private const int Page = StateStore.PageLength;

    /// <summary>Packs queries column by column, eight by eight.</summary>
    /// <param name="queries">[count] pointers to [keySize].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="keySize">The columns of a query.</param>
    /// <param name="packed">[count / 8, rounded up][keySize][8]; what is behind the last query of the last eight is not written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float** queries, int count, int keySize, float* packed)
    {
        for (var q = 0; q < count; q += Tile)
        {
            for (var j = 0; j < Math.Min(Tile, count - q); j++)
            {
                var (from, to) = ((nint)queries[q + j], (nint)(packed + (q * keySize) + j));
                for (var i = 0; i < keySize; i++)
                {
                    ((float*)to)[i * Tile] = ((float*)from)[i];
                }
            }
        }
    }

    /// <summary><c>scores[q][p] = queries[q] · keys[·][p]</c>.</summary>
    /// <param name="queries">[count] pointers to [keySize].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="keys">[keySize, 32].</param>
    /// <param name="keySize">The columns of a key.</param>
    /// <param name="packed">The same queries, as <see cref="Pack"/> leaves them.</param>
    /// <param name="scores">The page's part of [count, 256].</param>
    /// <param name="ahead">What is read soon: a line of 64 bytes of it is asked for with each column. Memory that jumps from page to page is not foreseen by the hardware.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Score(float** queries, int count, float* packed, float* keys, int keySize, float* scores, byte* ahead)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            AttentionKernels<Lanes16, Vector512<float>>.Score(queries, count, packed, keys, keySize, scores, ahead);
        }
        else
        {
            AttentionKernels<Lanes8, Vector256<float>>.Score(queries, count, packed, keys, keySize, scores, ahead);
        }
    }

    /// <summary><c>sums[q][c] += Σ weights[q][p] values[p][c]</c> over positions [from, end).</summary>
    /// <param name="weights">The page's part of [count, 256].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">The position after the last.</param>
    /// <param name="values">[32, stride].</param>
    /// <param name="stride">The columns of a value, a multiple of 16.</param>
    /// <param name="sums">[count, stride].</param>
    /// <param name="ahead">What is read soon.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(float* weights, int count, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            AttentionKernels<Lanes16, Vector512<float>>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
        }
        else
        {
            AttentionKernels<Lanes8, Vector256<float>>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
        }
    }
}
