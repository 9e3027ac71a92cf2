using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the integer tile with VNNI: a row of activations is broadcast four columns at a time and meets four vectors of 16 outputs or, with half the registers, two of 8; sums stay in registers
/// over all blocks. Formats with two scales take half as many vectors at a time, because their partial results need registers too.
/// </summary>
internal sealed class Int8TileVnniProgram
{
    private readonly Assembler _to;
    private readonly Int8TileShape _shape;
    private readonly int _rows;
    private readonly int _together;

    private Int8TileVnniProgram(Assembler to, Int8TileShape shape, int rows)
    {
        (_to, _shape, _rows) = (to, shape, rows);
        _together = (to.IsNarrow ? 2 : 4) / shape.Scales;
    }

    private static Register Arguments => Register.Rax;

    private static Register Record => Register.Rdx;

    private static Register Blocks => Register.R11;

    private static Register Output => Register.Rcx;

    private int Activations => _to.IsNarrow ? 13 : 28; // to 15 or 30

    /// <summary>Writes the function for some rows: <c>void (Int8TileArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to; has products of four bytes.</param>
    /// <param name="shape">The format.</param>
    /// <param name="rows">1 to 3.</param>
    public static void Write(Assembler to, Int8TileShape shape, int rows) => new Int8TileVnniProgram(to, shape, rows).Write();

    private static Register X(int row) => Register.R8 + row;

    private static int Argument(string field) => (int)Marshal.OffsetOf<Int8TileArguments>(field);

    /// <summary>Where levels are.</summary>
    private int Levels(int vector) => _to.IsNarrow ? 12 : 24 + vector;

    /// <summary>Where a row's sums are, as floats.</summary>
    private int Sum(int row, int vector) => (row * _together) + vector;

    /// <summary>Where a row's sums of integers are.</summary>
    private int Integer(int row, int vector) => (_to.IsNarrow ? 6 : 12) + (row * _together) + vector;

    /// <summary>Where a row's block is added up: with one scale, the integers turn into it.</summary>
    private int Block(int row, int vector) => _shape.Scales == 1 ? Integer(row, vector) : (_to.IsNarrow ? 3 : 6) + (row * _together) + vector;

    private void Write()
    {
        _to.Move(Arguments, Register.Rdi);
        for (var first = 0; first < Panel.Outputs / _to.Lanes; first += _together)
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
        ForOutputs(first, (row, vector, at) => _to.Load(Sum(row, vector), Output, at));
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
        ForOutputs(first, (row, vector, at) => _to.Store(Output, at, Sum(row, vector)));
    }

    /// <summary>For each row's vectors: where their outputs are behind <see cref="Output"/>.</summary>
    private void ForOutputs(int first, Action<int, int, int> each)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Output, Arguments, Argument(nameof(Int8TileArguments.Y0)) + (8 * row));
            for (var vector = 0; vector < _together; vector++)
            {
                each(row, vector, sizeof(float) * _to.Lanes * (first + vector));
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
                BroadcastRows(4 * j);
                for (var vector = 0; vector < _together; vector++)
                {
                    _to.Load(Levels(vector), Record, Int8TileShape.LevelsAt(_to.Lanes * (first + vector), j));
                    for (var row = 0; row < _rows; row++)
                    {
                        _to.DotBytes(Integer(row, vector), Levels(vector), Activations + row);
                    }
                }
            }

            ForEach((row, vector) => _to.ToFloats(Integer(row, vector), Integer(row, vector)));
            ForEach((row, vector) =>
            {
                if (scale == 0)
                {
                    _to.Multiply(Block(row, vector), Integer(row, vector), Record, Int8TileShape.ScaleAt(0, _to.Lanes * (first + vector)));
                }
                else
                {
                    _to.MultiplyAdd(Block(row, vector), Integer(row, vector), Record, Int8TileShape.ScaleAt(scale, _to.Lanes * (first + vector)));
                }
            });
        }

        for (var minimum = 0; _shape.HasMinimum && minimum < _shape.Scales; minimum++)
        {
            BroadcastRows(ActivationBlock.SumAt(minimum, _shape.Scales));
            ForEach((row, vector) => _to.MultiplyAdd(Block(row, vector), Activations + row, Record, Int8TileShape.ScaleAt(_shape.Scales + minimum, _to.Lanes * (first + vector))));
        }

        if (!_to.IsNarrow)
        {
            ForEach((row, vector) => _to.MultiplyAdd(Sum(row, vector), Block(row, vector), X(row), ActivationBlock.ScaleOffset, broadcast: true));
            return;
        }

        BroadcastRows(ActivationBlock.ScaleOffset);
        ForEach((row, vector) => _to.MultiplyAdd(Sum(row, vector), Block(row, vector), Activations + row));
    }

    /// <summary>Takes the 32 bits that lie somewhere in every row's block.</summary>
    private void BroadcastRows(int at)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Broadcast(Activations + row, X(row), at);
        }
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
