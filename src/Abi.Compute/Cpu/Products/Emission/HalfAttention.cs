using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// The two products of attention of up to eight queries over a page of halves as they lie, as machine code of our own making, believed only after it has equalled the chains that
/// <see cref="AttentionKernels"/> defines bit for bit.
/// </summary>
internal sealed unsafe class HalfAttention
{
    /// <summary>The most queries: for more, widening a page once costs less.</summary>
    public const int MostQueries = HalfAttentionProgram.MostQueries;

    private const int Page = StateStore.PageLength;

    private readonly nint[] _scores; // by queries − 1
    private readonly nint[] _sums;
    private readonly nint[] _narrowSums; // over 16 columns

    private HalfAttention(nint[] functions) =>
        (_scores, _sums, _narrowSums) = (functions[..MostQueries], functions[MostQueries..(2 * MostQueries)], functions[(2 * MostQueries)..]);

    /// <summary>The code of this process, or null where it cannot be made or does not do what it should.</summary>
    public static HalfAttention? Emitted { get; } = TryCreate();

    /// <summary><c>scores[q][p] = queries[q] · keys[·][p]</c>.</summary>
    /// <param name="packed">The queries column by column, [keySize, 8].</param>
    /// <param name="count">The number of queries, 1 to 8.</param>
    /// <param name="keys">[keySize, 32].</param>
    /// <param name="keySize">The columns of a key.</param>
    /// <param name="scores">The page's part of [count, 256].</param>
    /// <param name="ahead">The keys that are read next.</param>
    public void Score(float* packed, int count, Half* keys, int keySize, float* scores, byte* ahead)
    {
        var arguments = new HalfAttentionArguments { Page = keys, Ahead = ahead, Factors = packed, To = scores, Count = keySize };
        Run(_scores[count - 1], &arguments);
    }

    /// <summary><c>sums[q][c] += Σ weights[q][p] values[p][c]</c> over positions [from, end).</summary>
    /// <param name="weights">The page's part of [count, 256].</param>
    /// <param name="count">The number of queries, 1 to 8.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">The position after the last, at least one behind <paramref name="from"/>.</param>
    /// <param name="values">[32, stride].</param>
    /// <param name="stride">The columns of a value, a multiple of 16.</param>
    /// <param name="sums">[count, stride].</param>
    /// <param name="ahead">The values that are read next.</param>
    public void Accumulate(float* weights, int count, int from, int end, Half* values, int stride, float* sums, byte* ahead)
    {
        var wide = HalfAttentionProgram.SumVectors(count) * Lanes.Count;
        for (var column = 0; column < stride;)
        {
            var isWide = stride - column >= wide;
            var first = (from * stride) + column;
            var arguments = new HalfAttentionArguments
            {
                Page = values + first, Ahead = ahead + (sizeof(Half) * first), Factors = weights + from, To = sums + column,
                Count = end - from, Stride = sizeof(Half) * stride, ToStride = sizeof(float) * stride,
            };
            Run((isWide ? _sums : _narrowSums)[count - 1], &arguments);
            column += isWide ? wide : Lanes.Count;
        }
    }

    private static void Run(nint function, HalfAttentionArguments* arguments) => ((delegate* unmanaged[SuppressGCTransition]<HalfAttentionArguments*, void>)function)(arguments);

    private static HalfAttention? TryCreate()
    {
        if (!Emitter.HasVnni512)
        {
            return null;
        }

        var assembler = Emitter.CreateAssembler();
        int[] starts =
        [
            .. assembler.ForRows(MostQueries, queries => HalfAttentionProgram.WriteScores(assembler, queries)),
            .. assembler.ForRows(MostQueries, queries => HalfAttentionProgram.WriteSums(assembler, queries, HalfAttentionProgram.SumVectors(queries))),
            .. assembler.ForRows(MostQueries, queries => HalfAttentionProgram.WriteSums(assembler, queries, 1)),
        ];
        return Emitter.Keep("half_attention", TensorType.F16, assembler.ToArray(), starts, static functions => new HalfAttention(functions), static made => made.IsRight());
    }

    private bool IsRight()
    {
        const int keySize = 21;
        const int stride = 5 * 16;
        const int length = AttentionKernels.SpanLength;
        var random = new Random(29);
        using var halves = new NativeBuffer(Page * stride * sizeof(ushort));
        var page = (Half*)halves.Address;
        var expanded = new float[Page * stride];
        for (var i = 0; i < expanded.Length; i++)
        {
            page[i] = (Half)((random.NextSingle() - 0.5f) * (random.Next(8) == 0 ? 1e-4f : 1));
            expanded[i] = (float)page[i];
        }

        using var floats = new NativeBuffer(sizeof(float) * MostQueries * (keySize + (2 * length) + stride));
        var packed = (float*)floats.Address; // [keySize, 8]
        var weights = packed + (MostQueries * keySize);
        var scores = weights + (MostQueries * length);
        var sums = scores + (MostQueries * length);
        for (var i = 0; i < MostQueries * (keySize + length); i++)
        {
            packed[i] = random.NextSingle() - 0.5f;
        }

        for (var count = 1; count <= MostQueries; count++)
        {
            Score(packed, count, page, keySize, scores, (byte*)page);
            for (var i = 0; i < count * Page; i++)
            {
                var (query, position) = (i / Page, i % Page);
                if (!IsChain(scores[(query * length) + position], 0, packed + query, MostQueries, expanded.AsSpan(position), Page, keySize))
                {
                    return false;
                }
            }

            foreach (var (from, end) in ((int, int)[])[(0, Page), (5, 6), (7, 29)])
            {
                new Span<float>(sums, count * stride).Fill(0.25f);
                Accumulate(weights, count, from, end, page, stride, sums, (byte*)page);
                for (var i = 0; i < count * stride; i++)
                {
                    if (!IsChain(sums[i], 0.25f, weights + (i / stride * length) + from, 1, expanded.AsSpan((from * stride) + (i % stride)), stride, end - from))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    /// <summary>Whether a result has the bits of one chain of fused multiply-adds.</summary>
    private static bool IsChain(float result, float start, float* factors, int factorStride, ReadOnlySpan<float> of, int stride, int count)
    {
        for (var i = 0; i < count; i++)
        {
            start = MathF.FusedMultiplyAdd(factors[i * factorStride], of[i * stride], start);
        }

        return BitConverter.SingleToInt32Bits(result) == BitConverter.SingleToInt32Bits(start);
    }
}
