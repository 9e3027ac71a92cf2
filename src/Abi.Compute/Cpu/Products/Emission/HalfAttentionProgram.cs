using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Kernels;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the two products of attention of a few queries over a page whose keys and values are halves, which become float32 in registers (.NET has no such conversion of vectors), each once for
/// all queries. Every score and every sum is one chain of fused multiply-adds in ascending order, as in <see cref="AttentionKernels"/>. For 512 bits.
/// </summary>
internal sealed class HalfAttentionProgram
{
    /// <summary>The most queries of a function. Their chains are 24 of 32 registers at most: two of each query, or four of six queries (<see cref="SumVectors"/>).</summary>
    public const int MostQueries = AttentionKernels.Tile;

    private const int Halves = 24; // to 27: a column or position of them, as floats
    private const int Factors = 28; // to 31: what they are multiplied with, in turn

    private readonly Assembler _to;
    private readonly int _queries;
    private readonly int _vectors; // of a query

    private HalfAttentionProgram(Assembler to, int queries, int vectors) => (_to, _queries, _vectors) = (to, queries, vectors);

    private static Register Arguments => Register.Rdi;

    private static Register Page => Register.Rcx;

    private static Register Ahead => Register.Rsi;

    private static Register Factor => Register.Rax;

    private static Register Left => Register.Rdx;

    private static Register Output => Register.R8;

    /// <summary>The vectors of 16 columns of values that so many queries take in one pass.</summary>
    public static int SumVectors(int queries) => queries <= 6 ? 4 : 2;

    /// <summary>Writes the scores of some queries: <c>void (HalfAttentionArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="queries">1 to <see cref="MostQueries"/>.</param>
    public static void WriteScores(Assembler to, int queries)
    {
        const int vectors = 2;
        var program = new HalfAttentionProgram(to, queries, vectors);
        program.WriteLoads();
        for (var i = 0; i < queries * vectors; i++)
        {
            to.Zero(i);
        }

        to.Align();
        var loop = to.Length;
        program.WriteProducts(sizeof(float));
        to.Add(Page, vectors * 32);
        to.Add(Ahead, vectors * 32);
        to.Add(Factor, MostQueries * sizeof(float));
        to.Add(Left, -1);
        to.JumpIfNotZero(loop);
        to.Load(Output, Arguments, Argument(nameof(HalfAttentionArguments.To)));
        for (var i = 0; i < queries * vectors; i++)
        {
            to.Store(Output, (i / vectors * AttentionKernels.SpanLength * sizeof(float)) + (i % vectors * 64), i);
        }

        to.ZeroUpper();
        to.Return();
    }

    /// <summary>Writes the sums of some queries over one pass of columns: <c>void (HalfAttentionArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="queries">1 to <see cref="MostQueries"/>.</param>
    /// <param name="vectors">1, or <see cref="SumVectors"/>: the columns of a pass, 16 each.</param>
    public static void WriteSums(Assembler to, int queries, int vectors)
    {
        var program = new HalfAttentionProgram(to, queries, vectors);
        program.WriteLoads();
        program.ForSums((zmm, at, offset) => to.Load(zmm, at, offset));
        to.Align();
        var loop = to.Length;
        program.WriteProducts(AttentionKernels.SpanLength * sizeof(float));
        to.Add(Page, Arguments, Argument(nameof(HalfAttentionArguments.Stride)));
        to.Add(Ahead, Arguments, Argument(nameof(HalfAttentionArguments.Stride)));
        to.Add(Factor, sizeof(float));
        to.Add(Left, -1);
        to.JumpIfNotZero(loop);
        program.ForSums((zmm, at, offset) => to.Store(at, offset, zmm));
        to.ZeroUpper();
        to.Return();
    }

    private static int Argument(string field) => (int)Marshal.OffsetOf<HalfAttentionArguments>(field);

    private void WriteLoads()
    {
        _to.Load(Page, Arguments, Argument(nameof(HalfAttentionArguments.Page)));
        _to.Load(Ahead, Arguments, Argument(nameof(HalfAttentionArguments.Ahead)));
        _to.Load(Factor, Arguments, Argument(nameof(HalfAttentionArguments.Factors)));
        _to.Load(Left, Arguments, Argument(nameof(HalfAttentionArguments.Count)));
    }

    /// <summary>Adds a column or position to all chains.</summary>
    /// <param name="step">From one query's factor to the next one's, in bytes.</param>
    private void WriteProducts(int step)
    {
        for (var line = 0; line < 32 * _vectors; line += 64)
        {
            _to.Prefetch(Ahead, line, second: true); // the innermost has room for fewer answers to wait for than memory needs
        }

        for (var vector = 0; vector < _vectors; vector++)
        {
            _to.LoadHalves(Halves + vector, Page, 32 * vector);
        }

        for (var query = 0; query < _queries; query++)
        {
            var factor = Factors + (query % 4);
            _to.Broadcast(factor, Factor, query * step);
            for (var vector = 0; vector < _vectors; vector++)
            {
                _to.MultiplyAdd((query * _vectors) + vector, Halves + vector, factor);
            }
        }
    }

    private void ForSums(Action<int, Register, int> move)
    {
        _to.Load(Output, Arguments, Argument(nameof(HalfAttentionArguments.To)));
        for (var query = 0; query < _queries; query++)
        {
            for (var vector = 0; vector < _vectors; vector++)
            {
                move((query * _vectors) + vector, Output, 64 * vector);
            }

            _to.Add(Output, Arguments, Argument(nameof(HalfAttentionArguments.ToStride)));
        }
    }
}
