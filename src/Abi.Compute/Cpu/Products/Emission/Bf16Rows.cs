using Abi.Compute.Cpu.Products.Bfloat16;
using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>Rows in bfloat16 against a panel of pairs, as machine code of our own making (AVX512_BF16, which .NET does not have), believed only after it has equalled the definition bit for bit.</summary>
internal sealed unsafe class Bf16Rows
{
    /// <summary>The most pairs between two returns to the runtime, which cannot stop a thread meanwhile.</summary>
    public const int MostPairs = 2048;

    private readonly nint[] _functions; // by rows − 1

    private Bf16Rows(nint[] functions) => _functions = functions;

    /// <summary>The code of this process, or null where the processor has no such instruction, or code cannot be made or does not do what it should.</summary>
    public static Bf16Rows? Emitted { get; } = TryCreate();

    /// <summary>Computes 64 outputs of some rows.</summary>
    /// <param name="panel">[pairs][64][2].</param>
    /// <param name="pairs">The pairs, at most <see cref="MostPairs"/>.</param>
    /// <param name="x">[rows] pointers to pairs.</param>
    /// <param name="firstPair">Where in the rows the pairs begin.</param>
    /// <param name="y">[rows] pointers.</param>
    /// <param name="to">Where in y the outputs begin.</param>
    /// <param name="rows">At least 1.</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    public void Multiply(uint* panel, int pairs, uint** x, int firstPair, float** y, int to, int rows, bool accumulate)
    {
        var arguments = new HalfRowsArguments { Panel = (byte*)panel, Columns = pairs, Accumulate = accumulate ? 1 : 0 };
        for (int row = 0, some; row < rows; row += some)
        {
            some = Math.Min(HalfRowsProgram.MostRows, rows - row);
            for (var i = 0; i < some; i++)
            {
                arguments.X[i] = (long)(x[row + i] + firstPair);
                arguments.Y[i] = (long)(y[row + i] + to);
            }

            ((delegate* unmanaged[SuppressGCTransition]<HalfRowsArguments*, void>)_functions[some - 1])(&arguments);
        }
    }

    private static Bf16Rows? TryCreate()
    {
        if (!Emitter.HasBf16)
        {
            return null;
        }

        var assembler = new Assembler();
        var starts = assembler.ForRows(HalfRowsProgram.MostRows, rows => HalfRowsProgram.WriteBf16(assembler, rows));
        return Emitter.Keep("bf16_rows", TensorType.BF16, assembler.ToArray(), starts, static functions => new Bf16Rows(functions), static made => made.IsRight());
    }

    /// <summary>Compares with the definition, once from zero and once onwards, for every number of rows.</summary>
    private bool IsRight()
    {
        const int pairs = 69;
        var random = new Random(31);
        using var panel = new NativeBuffer(pairs * Panel.Outputs * sizeof(uint));
        using var x = new NativeBuffer(HalfRowsProgram.MostRows * pairs * sizeof(uint));
        using var y = new NativeBuffer((HalfRowsProgram.MostRows + 1) * Panel.Outputs * sizeof(float));
        Fill(random, panel);
        Fill(random, x);
        var xs = stackalloc uint*[HalfRowsProgram.MostRows];
        var ys = stackalloc float*[HalfRowsProgram.MostRows];
        for (var row = 0; row < HalfRowsProgram.MostRows; row++)
        {
            xs[row] = (uint*)x.Address + (row * pairs);
            ys[row] = (float*)y.Address + (row * Panel.Outputs);
        }

        var expected = (float*)y.Address + (HalfRowsProgram.MostRows * Panel.Outputs);
        for (var rows = 1; rows <= HalfRowsProgram.MostRows; rows++)
        {
            Multiply((uint*)panel.Address, 2, xs, 0, ys, 0, rows, accumulate: false);
            Multiply((uint*)panel.Address + (2 * Panel.Outputs), pairs - 2, xs, 2, ys, 0, rows, accumulate: true);
            for (var row = 0; row < rows; row++)
            {
                Bf16Reference.One((uint*)panel.Address, pairs, xs[row], expected, accumulate: false);
                if (!new Span<uint>(ys[row], Panel.Outputs).SequenceEqual(new Span<uint>(expected, Panel.Outputs)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Rounded random numbers between −scale and scale, some of them much smaller.</summary>
    internal static void Fill(Random random, NativeBuffer pairs, float scale = 1)
    {
        var values = new float[pairs.Length / sizeof(ushort)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = ((random.NextSingle() * 2) - 1) * (random.Next(4) == 0 ? 1e-16f : 1) * scale;
        }

        fixed (float* first = values)
        {
            Bf16Elements.Round(first, values.Length, (ushort*)pairs.Address);
        }
    }
}
