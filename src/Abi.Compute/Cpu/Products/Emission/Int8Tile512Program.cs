using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the integer tile with 512-bit VNNI: 64 outputs are four vectors of 16, a row of activations is broadcast four columns at a time, and sums stay in registers over all
/// blocks. Formats with two scales take two vectors at a time, twice over, because their partial results need registers too.
/// </summary>
internal sealed class Int8Tile512Program
{
    private const int Vectors = 4;
    private const int Levels = 24;
    private const int Activations = 28;

    private readonly Assembler _to;
    private readonly Int8TileShape _shape;
    private readonly int _rows;
    private readonly int _together;

    private Int8Tile512Program(Assembler to, Int8TileShape shape, int rows)
    {
        (_to, _shape, _rows) = (to, shape, rows);
        _together = shape.Scales == 1 ? Vectors : Vectors / 2;
    }

    private static Register Arguments => Register.Rax;

    private static Register Record => Register.Rdx;

    private static Register Blocks => Register.R11;

    private static Register Output => Register.Rcx;

    /// <summary>Writes the function for some rows: <c>void (Int8TileArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="shape">The format.</param>
    /// <param name="rows">1 to 3.</param>
    public static void Write(Assembler to, Int8TileShape shape, int rows) => new Int8Tile512Program(to, shape, rows).Write();

    private static Register X(int row) => Register.R8 + row;

    private static int Argument(string field) => (int)Marshal.OffsetOf<Int8TileArguments>(field);

    /// <summary>Where a row's sums are, as floats.</summary>
    private int Sum(int row, int vector) => (row * _together) + vector;

    /// <summary>Where a row's sums of integers are.</summary>
    private int Integer(int row, int vector) => 12 + (row * _together) + vector;

    /// <summary>Where a row's block is added up: with one scale, the integers turn into it.</summary>
    private int Block(int row, int vector) => _shape.Scales == 1 ? Integer(row, vector) : 6 + (row * _together) + vector;

    private void Write()
    {
        _to.Move(Arguments, Register.Rdi);
        for (var first = 0; first < Vectors; first += _together)
        {
            WriteVectors(first);
        }

        _to.ZeroUpper();
        _to.Return();
    }

    private void WriteVectors(int first)
    {
        _to.Load(Record, Arguments, Argument(nameof(Int8TileArguments.Panel)));
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(X(row), Arguments, Argument(nameof(Int8TileArguments.X0)) + (8 * row));
        }

        _to.Load(Blocks, Arguments, Argument(nameof(Int8TileArguments.Accumulate)));
        _to.Test(Blocks);
        var fresh = _to.JumpAheadIfZero();
        ForOutputs(first, load: true);
        var ready = _to.JumpAhead();
        _to.Land(fresh);
        ForEach((row, vector) => _to.Zero(Sum(row, vector)));
        _to.Land(ready);
        _to.Load(Blocks, Arguments, Argument(nameof(Int8TileArguments.Blocks)));
        _to.Align();
        var loop = _to.Length;
        WriteBlock(first);
        _to.Add(Record, _shape.RecordBytes);
        for (var row = 0; row < _rows; row++)
        {
            _to.Add(X(row), ActivationBlock.Bytes);
        }

        _to.Add(Blocks, -1);
        _to.JumpIfNotZero(loop);
        ForOutputs(first, load: false);
    }

    private void ForOutputs(int first, bool load)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Output, Arguments, Argument(nameof(Int8TileArguments.Y0)) + (8 * row));
            for (var vector = 0; vector < _together; vector++)
            {
                if (load)
                {
                    _to.Load(Sum(row, vector), Output, 64 * (first + vector));
                }
                else
                {
                    _to.Store(Output, 64 * (first + vector), Sum(row, vector));
                }
            }
        }
    }

    private void WriteBlock(int first)
    {
        for (var scale = 0; scale < _shape.Scales; scale++)
        {
            WriteStart(scale);
            var steps = 8 / _shape.Scales;
            for (var j = scale * steps; j < (scale + 1) * steps; j++)
            {
                for (var vector = 0; vector < _together; vector++)
                {
                    _to.Load(Levels + vector, Record, Int8TileShape.LevelsAt(16 * (first + vector), j));
                }

                for (var row = 0; row < _rows; row++)
                {
                    _to.Broadcast(Activations + row, X(row), 4 * j);
                }

                ForEach((row, vector) => _to.DotBytes(Integer(row, vector), Levels + vector, Activations + row));
            }

            ForEach((row, vector) => _to.ToFloats(Integer(row, vector), Integer(row, vector)));
            ForEach((row, vector) =>
            {
                if (scale == 0)
                {
                    _to.Multiply(Block(row, vector), Integer(row, vector), Record, Int8TileShape.ScaleAt(0, 16 * (first + vector)));
                }
                else
                {
                    _to.MultiplyAdd(Block(row, vector), Integer(row, vector), Record, Int8TileShape.ScaleAt(scale, 16 * (first + vector)));
                }
            });
        }

        for (var minimum = 0; _shape.HasMinimum && minimum < _shape.Scales; minimum++)
        {
            for (var row = 0; row < _rows; row++)
            {
                _to.Broadcast(Activations + row, X(row), ActivationBlock.SumAt(minimum, _shape.Scales));
            }

            ForEach((row, vector) => _to.MultiplyAdd(Block(row, vector), Activations + row, Record, Int8TileShape.ScaleAt(_shape.Scales + minimum, 16 * (first + vector))));
        }

        ForEach((row, vector) => _to.MultiplyAdd(Sum(row, vector), Block(row, vector), X(row), ActivationBlock.ScaleOffset, broadcast: true));
    }

    /// <summary>Integers begin with what takes the offset of the levels back.</summary>
    private void WriteStart(int scale)
    {
        var at = ActivationBlock.NegativeSumAt(scale, _shape.Scales);
        ForEach((row, vector) =>
        {
            if (_shape.OffsetShift < 0)
            {
                _to.Zero(Integer(row, vector));
            }
            else if (vector > 0)
            {
                _to.Move(Integer(row, vector), Integer(row, 0));
            }
            else if (_shape.OffsetShift == 0)
            {
                _to.Broadcast(Integer(row, 0), X(row), at);
            }
            else
            {
                _to.BroadcastShifted(Integer(row, 0), X(row), at, _shape.OffsetShift);
            }
        });
    }

    private void ForEach(Action<int, int> each)
    {
        for (var row = 0; row < _rows; row++)
        {
            for (var vector = 0; vector < _together; vector++)
            {
                each(row, vector);
            }
        }
    }
}
