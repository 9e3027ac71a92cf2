using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>One to three rows against a panel of half-precision weights, as machine code of our own making, believed only after it has equalled the definition bit for bit.</summary>
internal sealed unsafe class HalfRows
{
    /// <summary>The most rows for which this is faster than a tile over expanded panels.</summary>
    public const int MostRows = 12;

    /// <summary>The rows of one function.</summary>
    private const int Together = 3;

    /// <summary>The columns between two returns to the runtime, which cannot stop a thread meanwhile.</summary>
    private const int MostColumns = 4096;

    /// <summary>The columns that stay in the innermost cache for a second pass over them: 8 KB.</summary>
    private const int MostColumnsTwice = 64;

    private readonly nint[] _functions; // by rows − 1

    private HalfRows(nint[] functions) => _functions = functions;

    /// <summary>The code of this process, or null where it cannot be made or does not do what it should.</summary>
    public static HalfRows? Emitted { get; } = TryCreate();

    /// <summary>Computes 64 outputs of some rows.</summary>
    /// <param name="panel">[columns][64] halves.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="x">[rows] pointers to [columns].</param>
    /// <param name="y">[rows] pointers.</param>
    /// <param name="to">Where in y the outputs begin.</param>
    /// <param name="rows">At least 1.</param>
    public void Multiply(byte* panel, int columns, float** x, float** y, int to, int rows)
    {
        for (; rows > 0; rows -= Together, x += Together, y += Together)
        {
            MultiplyTogether(panel, columns, x, y, to, Math.Min(rows, Together));
        }
    }

    private void MultiplyTogether(byte* panel, int columns, float** x, float** y, int to, int rows)
    {
        var function = (delegate* unmanaged[SuppressGCTransition]<HalfRowsArguments*, void>)_functions[rows - 1];
        var most = rows == 1 || Emitter.HasVnni512 ? MostColumns : MostColumnsTwice;
        for (var column = 0; column < columns; column += most)
        {
            var arguments = new HalfRowsArguments
            {
                Panel = panel + ((long)column * Panel.Outputs * sizeof(ushort)), Columns = Math.Min(most, columns - column), Accumulate = column,
            };
            for (var row = 0; row < rows; row++)
            {
                (arguments.X[row], arguments.Y[row]) = ((long)(x[row] + column), (long)(y[row] + to));
            }

            function(&arguments);
        }
    }

    private static HalfRows? TryCreate()
    {
        if (Emitter.Path is null)
        {
            return null;
        }

        var assembler = Emitter.CreateAssembler();
        var starts = assembler.ForRows(Together, rows => HalfRowsProgram.Write(assembler, rows));
        return Emitter.Keep("half_rows", TensorType.F16, assembler.ToArray(), starts, static functions => new HalfRows(functions), IsRight);
    }

    private static bool IsRight(HalfRows made)
    {
        const int columns = 137;
        var random = new Random(19);
        using var panel = new NativeBuffer(columns * Panel.Outputs * sizeof(ushort));
        using var expanded = new NativeBuffer(columns * Panel.Outputs * sizeof(float));
        using var outputs = new NativeBuffer(4 * Panel.Outputs * sizeof(float));
        var halves = new Span<Half>((void*)panel.Address, columns * Panel.Outputs);
        foreach (ref var half in halves)
        {
            half = (Half)((random.NextSingle() - 0.5f) * (random.Next(8) == 0 ? 1e-4f : 1));
        }

        FloatElements.Expand<F16>((byte*)panel.Address, halves.Length, (float*)expanded.Address);
        var x = new float[Together * columns];
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = random.NextSingle() - 0.5f;
        }

        fixed (float* first = x)
        {
            var xs = stackalloc float*[Together];
            var ys = stackalloc float*[Together];
            for (var row = 0; row < Together; row++)
            {
                xs[row] = first + (row * columns);
                ys[row] = (float*)outputs.Address + (row * Panel.Outputs);
            }

            var expected = (float*)outputs.Address + (Together * Panel.Outputs);
            for (var rows = 1; rows <= Together; rows++)
            {
                made.Multiply((byte*)panel.Address, columns, xs, ys, 0, rows);
                for (var row = 0; row < rows; row++)
                {
                    new FloatTileReference().One((float*)expanded.Address, columns, xs[row], expected, false);
                    if (!new Span<uint>(ys[row], Panel.Outputs).SequenceEqual(new Span<uint>(expected, Panel.Outputs)))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }
}
