using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the product of up to three rows with a panel [columns][64 outputs] of half-precision weights, which are made float32 on the way: .NET has no such conversion of vectors. In 512
/// bits all outputs of a row are four vectors; in 256 bits a row alone takes eight, and rows together go over the columns twice, for 32 outputs at a time.
/// </summary>
internal sealed class HalfRowsProgram
{
    private const int ColumnBytes = 128;

    /// <summary>How far ahead of reading memory is asked for.</summary>
    private const int Ahead = 4096;

    private readonly Assembler _to;
    private readonly int _rows;
    private readonly int _lanes;
    private readonly int _vectors; // of a pass

    private HalfRowsProgram(Assembler to, int rows, int lanes)
    {
        (_to, _rows, _lanes) = (to, rows, lanes);
        _vectors = lanes == 8 && rows == 1 ? 8 : 4;
    }

    /// <summary>Writes the function for some rows: <c>void (HalfRowsArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to; narrow for 8 lanes.</param>
    /// <param name="rows">1 to 3.</param>
    /// <param name="lanes">Floats of a vector: 16 or 8.</param>
    public static void Write(Assembler to, int rows, int lanes) => new HalfRowsProgram(to, rows, lanes).Write();

    private void Write()
    {
        _to.Move(Register.Rax, Register.Rdi);
        for (var output = 0; output < 64; output += _vectors * _lanes)
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
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(X(row), Register.Rax, Argument(nameof(HalfRowsArguments.X0)) + (8 * row));
        }

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
        _to.Load(Register.R11, Register.Rax, Argument(nameof(HalfRowsArguments.Columns)));
        _to.Align();
        var loop = _to.Length;
        if (output == 0)
        {
            _to.Prefetch(Register.Rdx, Ahead);
            _to.Prefetch(Register.Rdx, Ahead + 64);
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
        if (_lanes == 16)
        {
            for (var vector = 0; vector < _vectors; vector++)
            {
                _to.LoadHalves(24 + vector, Register.Rdx, at + (32 * vector));
            }

            for (var row = 0; row < _rows; row++)
            {
                for (var vector = 0; vector < _vectors; vector++)
                {
                    _to.MultiplyAdd((row * _vectors) + vector, 24 + vector, X(row), 0, broadcast: true);
                }
            }

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

    private static Register X(int row) => Register.R8 + row;

    private static int Argument(string field) => (int)Marshal.OffsetOf<HalfRowsArguments>(field);

    private void ForOutputs(int output, bool load)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Register.Rcx, Register.Rax, Argument(nameof(HalfRowsArguments.Y0)) + (8 * row));
            for (var vector = 0; vector < _vectors; vector++)
            {
                var offset = sizeof(float) * (output + (_lanes * vector));
                if (load)
                {
                    _to.Load((row * _vectors) + vector, Register.Rcx, offset);
                }
                else
                {
                    _to.Store(Register.Rcx, offset, (row * _vectors) + vector);
                }
            }
        }
    }
}
