using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the product of a few rows with a panel of weights of 16 bits: [columns][64 outputs] halves, which are made float32 on the way (.NET has no such conversion of vectors), or
/// [pairs of columns][64 outputs][2] bfloat16s, whose products the processor adds by pairs. In 512 bits all outputs of a row are four vectors; in 256 bits a row alone takes eight, and rows
/// together go over the columns twice, for 32 outputs at a time.
/// </summary>
internal sealed class HalfRowsProgram
{
    /// <summary>The most rows of a function: 24 of 32 registers are their outputs.</summary>
    public const int MostRows = 6;

    /// <summary>Rows beyond which a panel comes from a cache, and asking for it ahead gains nothing.</summary>
    private const int MostRowsAhead = 3;

    private const int Weights = 24; // to 27, in 512 bits

    /// <summary>How far ahead of reading memory is asked for.</summary>
    private const int Ahead = 4096;

    private readonly Assembler _to;
    private readonly int _rows;
    private readonly bool _isBf16;
    private readonly int _vectors; // of a pass

    private HalfRowsProgram(Assembler to, int rows, bool isBf16)
    {
        (_to, _rows, _isBf16) = (to, rows, isBf16);
        _vectors = to.IsNarrow && rows == 1 ? 8 : 4;
    }

    private int ColumnBytes => Panel.Outputs * (_isBf16 ? sizeof(uint) : sizeof(ushort));

    /// <summary>Writes the function for some rows and halves: <c>void (HalfRowsArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="rows">1 to 6; 1 to 3 in 256 bits.</param>
    public static void Write(Assembler to, int rows) => new HalfRowsProgram(to, rows, isBf16: false).Write();

    /// <summary>Writes the function for some rows and pairs of bfloat16s, for AVX512_BF16: <c>void (HalfRowsArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="rows">1 to 6.</param>
    public static void WriteBf16(Assembler to, int rows) => new HalfRowsProgram(to, rows, isBf16: true).Write();

    private void Write()
    {
        _to.Move(Register.Rax, Register.Rdi);
        for (var output = 0; output < Panel.Outputs; output += _vectors * _to.Lanes)
        {
            WritePass(output);
        }

        _to.ZeroUpper();
        _to.Return();
    }

    /// <summary>Goes over the columns once, for the outputs from <paramref name="output"/> on.</summary>
    private void WritePass(int output)
    {
        _to.Load(Register.Rdx, Register.Rax, Argument(nameof(HalfRowsArguments.Panel)));
        _to.Load(Register.R11, Register.Rax, Argument(nameof(HalfRowsArguments.Accumulate)));
        _to.Test(Register.R11);
        var fresh = _to.JumpAheadIfZero();
        ForOutputs(output, load: true);
        var ready = _to.JumpAhead();
        _to.Land(fresh);
        for (var i = 0; i < _rows * _vectors; i++)
        {
            _to.Zero(i);
        }

        _to.Land(ready);
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(X(row), Register.Rax, Argument(nameof(HalfRowsArguments.X)) + (8 * row));
        }

        _to.Load(Register.R11, Register.Rax, Argument(nameof(HalfRowsArguments.Columns)));
        _to.Align();
        var loop = _to.Length;
        for (var line = 0; output == 0 && _rows <= MostRowsAhead && line < ColumnBytes; line += 64)
        {
            _to.Prefetch(Register.Rdx, Ahead + line);
        }

        WriteColumn(output * sizeof(ushort));
        _to.Add(Register.Rdx, ColumnBytes);
        for (var row = 0; row < _rows; row++)
        {
            _to.Add(X(row), sizeof(float));
        }

        _to.Add(Register.R11, -1);
        _to.JumpIfNotZero(loop);
        ForOutputs(output, load: false);
    }

    private void WriteColumn(int at)
    {
        if (!_to.IsNarrow)
        {
            WriteWideColumn();
            return;
        }

        const int weights = 12;
        for (var row = 0; row < _rows; row++)
        {
            _to.Broadcast(weights + 1 + row, X(row), 0);
        }

        for (var vector = 0; vector < _vectors; vector++)
        {
            _to.LoadHalves(weights, Register.Rdx, at + (16 * vector));
            for (var row = 0; row < _rows; row++)
            {
                _to.MultiplyAdd((row * _vectors) + vector, weights, weights + 1 + row);
            }
        }
    }

    /// <summary>All outputs at once, each row's activations broadcast as part of the product.</summary>
    private void WriteWideColumn()
    {
        for (var vector = 0; vector < _vectors; vector++)
        {
            if (_isBf16)
            {
                _to.Load(Weights + vector, Register.Rdx, 64 * vector);
            }
            else
            {
                _to.LoadHalves(Weights + vector, Register.Rdx, 32 * vector);
            }
        }

        for (var row = 0; row < _rows; row++)
        {
            for (var vector = 0; vector < _vectors; vector++)
            {
                if (_isBf16)
                {
                    _to.DotBf16((row * _vectors) + vector, Weights + vector, X(row), 0);
                }
                else
                {
                    _to.MultiplyAdd((row * _vectors) + vector, Weights + vector, X(row), 0, broadcast: true);
                }
            }
        }
    }

    /// <summary>Where a row is; the last is where outputs are before and after the columns.</summary>
    private static Register X(int row) => row switch { < 3 => Register.R8 + row, 3 => Register.Rsi, 4 => Register.Rdi, _ => Output };

    private static Register Output => Register.Rcx;

    private static int Argument(string field) => (int)Marshal.OffsetOf<HalfRowsArguments>(field);

    private void ForOutputs(int output, bool load)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Output, Register.Rax, Argument(nameof(HalfRowsArguments.Y)) + (8 * row));
            for (var vector = 0; vector < _vectors; vector++)
            {
                var offset = sizeof(float) * (output + (_to.Lanes * vector));
                if (load)
                {
                    _to.Load((row * _vectors) + vector, Output, offset);
                }
                else
                {
                    _to.Store(Output, offset, (row * _vectors) + vector);
                }
            }
        }
    }
}
