using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the integer tile in AVX2: up to three rows × 16 outputs at a time, whose sums of pairs take six registers and their sums of 32 bits, or what comes of a first scale, six more;
/// where both are needed, 8 outputs at a time. Outputs stay in memory between blocks, unless the second six are free for them.
/// </summary>
internal sealed class Int8Tile256Program
{
    private const int Levels = 12; // and 13
    private const int X = 14;
    private const int Temporary = 15;
    private const int SingleOnes = 2; // for sums of single pairs, which need no registers of their own
    private const int Ones = 0; // constants, by their offsets
    private const int Offsets = 32;

    private readonly Assembler _to;
    private readonly Int8TileShape _shape;
    private readonly int _together;
    private readonly int _rows;
    private readonly int _vectors; // of 8 outputs at a time
    private readonly bool _isCentred; // whether sums of pairs lose the offset of the levels while they have 16 bits
    private readonly bool _keepsOutputs; // in registers

    private Int8Tile256Program(Assembler to, Int8TileShape shape, int rows)
    {
        (_to, _shape, _rows) = (to, shape, rows);
        var pairs = 8 / shape.Scales;
        _isCentred = LevelPairs.FitCentred(shape.GreatestLevel, shape.OffsetShift, pairs);
        _together = _isCentred ? pairs : LevelPairs.Together(shape.GreatestLevel);
        _vectors = shape.Scales == 2 && _together < 4 ? 1 : 2;
        _keepsOutputs = shape.Scales == 1 && _together == 8;
    }

    private static Register Arguments => Register.Rax;

    private static Register Record => Register.Rdx;

    private static Register Blocks => Register.R11;

    private static Register Output => Register.Rcx;

    private static Register Constants => Register.Rsi;

    private static Register RowOffsets => Register.Rdi; // of the levels, after the argument has gone

    private bool IsFullRange => _shape.OffsetShift == 7;

    /// <summary>Writes what the functions read, and says where.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="offsetShift">The offset of levels, as a power of two.</param>
    public static int WriteConstants(Assembler to, int offsetShift)
    {
        to.Align();
        var start = to.Length;
        Span<byte> constants = stackalloc byte[64];
        MemoryMarshal.Cast<byte, short>(constants[..Offsets]).Fill(1);
        constants[Offsets..].Fill((byte)(offsetShift < 0 ? 0 : 1 << offsetShift));
        to.Data(constants);
        return start;
    }

    /// <summary>Writes the function for some rows: <c>void (Int8TileArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to; narrow.</param>
    /// <param name="constants">Where <see cref="WriteConstants"/> put them.</param>
    /// <param name="shape">The format.</param>
    /// <param name="rows">1 to 3.</param>
    public static void Write(Assembler to, int constants, Int8TileShape shape, int rows) => new Int8Tile256Program(to, shape, rows).Write(constants);

    private static Register Row(int row) => Register.R8 + row;

    private static int Argument(string field) => (int)Marshal.OffsetOf<Int8TileArguments>(field);

    /// <summary>Sums of pairs in 16 bits.</summary>
    private int Pairs(int row, int vector) => (row * _vectors) + vector;

    /// <summary>Sums in 32 bits of several of them; or what comes of a first scale, for 16 outputs at a time; or outputs.</summary>
    private int Integers(int row, int vector) => ((3 + row) * _vectors) + vector;

    private void Write(int constants)
    {
        _to.Move(Arguments, Register.Rdi);
        _to.Address(Constants, constants);
        if (_isCentred)
        {
            WriteRowOffsets();
        }

        if (_together == 1)
        {
            _to.Load(SingleOnes, Constants, Ones);
        }

        for (var eight = 0; eight < Panel.Outputs / 8; eight += _vectors)
        {
            WriteOutputs(eight);
        }

        _to.ZeroUpper();
        _to.Return();
    }

    /// <summary>
    /// What the offset of the levels adds to the pairs of a scale's columns, for every row's blocks: the same four words, of the first and the second pair of each four columns, again and again in each
    /// 128 bits, of which each scale has its own.
    /// </summary>
    private void WriteRowOffsets()
    {
        WriteBeginning();
        _to.Load(Levels, Constants, Offsets);
        var block = _to.Length;
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(X, Row(row), 0);
            _to.MultiplyPairs(X, Levels, X);
            _to.ShuffleIntegers(Temporary, X, 0x4e);
            _to.AddWords(X, X, Temporary);
            _to.ShuffleIntegers(Temporary, X, 0xb1);
            _to.AddWords(X, X, Temporary);
            if (_shape.Scales == 1)
            {
                _to.SwapHalves(Temporary, X);
                _to.AddWords(X, X, Temporary);
            }

            _to.Store(RowOffsets, OffsetOf(row), X);
        }

        WriteNext(block);
    }

    private static int OffsetOf(int row) => row * Int8Panel.MaximumBlocks * 32;

    /// <summary>Goes over the blocks for some outputs, from 8 × <paramref name="eight"/> on.</summary>
    private void WriteOutputs(int eight)
    {
        WriteBeginning();
        WriteFirstOutputs(eight);
        _to.Align();
        var block = _to.Length;
        WriteBlock(eight);
        _to.Add(Record, _shape.RecordBytes);
        WriteNext(block);
        if (_keepsOutputs)
        {
            ForOutputs(eight, (output, at) => _to.Store(Output, at, output));
        }
    }

    /// <summary>Goes to the first block.</summary>
    private void WriteBeginning()
    {
        _to.Load(Record, Arguments, Argument(nameof(Int8TileArguments.Panel)));
        _to.Load(Blocks, Arguments, Argument(nameof(Int8TileArguments.Blocks)));
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Row(row), Arguments, Argument(nameof(Int8TileArguments.X0)) + (8 * row));
        }

        if (_isCentred)
        {
            _to.Move(RowOffsets, Arguments);
            _to.Add(RowOffsets, Argument(nameof(Int8TileArguments.Offsets)));
        }
    }

    /// <summary>Goes on to the next block, if there is one.</summary>
    private void WriteNext(int block)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Add(Row(row), ActivationBlock.Bytes);
        }

        if (_isCentred)
        {
            _to.Add(RowOffsets, 32);
        }

        _to.Add(Blocks, -1);
        _to.JumpIfNotZero(block);
    }

    /// <summary>Outputs begin with zero unless they go on.</summary>
    private void WriteFirstOutputs(int eight)
    {
        _to.Load(Output, Arguments, Argument(nameof(Int8TileArguments.Accumulate)));
        _to.Test(Output);
        var fresh = _to.JumpAheadIfZero();
        if (_keepsOutputs)
        {
            ForOutputs(eight, (output, at) => _to.Load(output, Output, at));
        }

        var ready = _to.JumpAhead();
        _to.Land(fresh);
        if (_keepsOutputs)
        {
            ForUnits((row, vector) => _to.Zero(Integers(row, vector)));
        }
        else
        {
            _to.Zero(Temporary);
            ForOutputs(eight, (_, at) => _to.Store(Output, at, Temporary));
        }

        _to.Land(ready);
    }

    /// <summary>For each row's outputs: the register that keeps them, and where they are behind <see cref="Output"/>.</summary>
    private void ForOutputs(int eight, Action<int, int> write)
    {
        for (var row = 0; row < _rows; row++)
        {
            LoadOutput(row);
            for (var vector = 0; vector < _vectors; vector++)
            {
                write(Integers(row, vector), 32 * (eight + vector));
            }
        }
    }

    private void LoadOutput(int row) => _to.Load(Output, Arguments, Argument(nameof(Int8TileArguments.Y0)) + (8 * row));

    private void WriteBlock(int eight)
    {
        Func<int, int, int> result;
        if (_shape.Scales == 1)
        {
            result = WriteSums(eight, 0, 8, ActivationBlock.NegativeSumAt(0, 1));
            LoadScales(eight, 0);
            ForUnits((row, vector) => _to.Multiply(result(row, vector), result(row, vector), Levels + vector));
        }
        else
        {
            result = _vectors == 1 ? (row, _) => 6 + row : Integers;
            var first = WriteSums(eight, 0, 4, ActivationBlock.NegativeSumAt(0, 2));
            LoadScales(eight, 0);
            ForUnits((row, vector) => _to.Multiply(result(row, vector), first(row, vector), Levels + vector));
            var second = WriteSums(eight, 4, 8, ActivationBlock.NegativeSumAt(1, 2));
            LoadScales(eight, 1);
            ForUnits((row, vector) => _to.MultiplyAdd(result(row, vector), second(row, vector), Levels + vector));
        }

        for (var s = 0; _shape.HasMinimum && s < _shape.Scales; s++)
        {
            LoadScales(eight, _shape.Scales + s);
            for (var row = 0; row < _rows; row++)
            {
                _to.Broadcast(X, Row(row), ActivationBlock.SumAt(s, _shape.Scales));
                for (var vector = 0; vector < _vectors; vector++)
                {
                    _to.MultiplyAdd(result(row, vector), X, Levels + vector);
                }
            }
        }

        WriteAddition(eight, result);
    }

    /// <summary>Adds a block's results to the outputs.</summary>
    private void WriteAddition(int eight, Func<int, int, int> result)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Broadcast(X, Row(row), ActivationBlock.ScaleOffset);
            if (!_keepsOutputs)
            {
                LoadOutput(row);
            }

            for (var vector = 0; vector < _vectors; vector++)
            {
                if (_keepsOutputs)
                {
                    _to.MultiplyAdd(Integers(row, vector), result(row, vector), X);
                }
                else
                {
                    _to.MultiplyAddMemory(result(row, vector), X, Output, 32 * (eight + vector));
                }
            }
        }

        for (var row = 0; !_keepsOutputs && row < _rows; row++)
        {
            // After all are read: outputs of rows that lie a multiple of 4 KiB apart look alike to the processor, and a load would wait for the other row's store.
            LoadOutput(row);
            for (var vector = 0; vector < _vectors; vector++)
            {
                _to.Store(Output, 32 * (eight + vector), result(row, vector));
            }
        }
    }

    /// <summary>Loads scales, or minimums, where levels were.</summary>
    private void LoadScales(int eight, int scale)
    {
        for (var vector = 0; vector < _vectors; vector++)
        {
            _to.Load(Levels + vector, Record, Int8TileShape.ScaleAt(scale, 8 * (eight + vector)));
        }
    }

    private void ForUnits(Action<int, int> write)
    {
        for (var row = 0; row < _rows; row++)
        {
            for (var vector = 0; vector < _vectors; vector++)
            {
                write(row, vector);
            }
        }
    }

    /// <summary>Σ level × activation over groups of four columns [first, end), without the offset of the levels, as floats; says where they are.</summary>
    private Func<int, int, int> WriteSums(int eight, int first, int end, int negativeSum)
    {
        Func<int, int, int> result = _together > 1 && end - first <= _together ? Pairs : Integers;
        if (_together == 1)
        {
            WriteSingles(eight, first, end);
        }
        else
        {
            WriteRuns(eight, first, end);
        }

        for (var row = 0; row < _rows; row++)
        {
            if (_shape.OffsetShift >= 0 && !IsFullRange && !_isCentred)
            {
                _to.BroadcastShifted(X, Row(row), negativeSum, _shape.OffsetShift);
                for (var vector = 0; vector < _vectors; vector++)
                {
                    _to.AddIntegers(result(row, vector), result(row, vector), X);
                }
            }
        }

        ForUnits((row, vector) => _to.ToFloats(result(row, vector), result(row, vector)));
        return result;
    }

    /// <summary>Sums as many pairs in 16 bits as fit: in <see cref="Pairs"/> if that is one run, else in <see cref="Integers"/>.</summary>
    private void WriteRuns(int eight, int first, int end)
    {
        for (var start = first; start < end; start += _together)
        {
            for (var j = start; j < Math.Min(start + _together, end); j++)
            {
                LoadLevels(eight, j);
                for (var row = 0; row < _rows; row++)
                {
                    _to.Broadcast(X, Row(row), 4 * j);
                    for (var vector = 0; vector < _vectors; vector++)
                    {
                        _to.MultiplyPairs(j == start ? Pairs(row, vector) : Temporary, Levels + vector, X);
                        if (j > start)
                        {
                            _to.AddWords(Pairs(row, vector), Pairs(row, vector), Temporary);
                        }
                    }
                }
            }

            if (_isCentred)
            {
                WriteCentring(first == 0 ? 0 : 16);
            }

            var isOnly = end - first <= _together;
            _to.Load(Levels, Constants, Ones);
            ForUnits((row, vector) =>
            {
                var pairs = Pairs(row, vector);
                _to.MultiplyWords(start > first || isOnly ? pairs : Integers(row, vector), pairs, Levels);
                if (start > first)
                {
                    _to.AddIntegers(Integers(row, vector), Integers(row, vector), pairs);
                }
            });
        }
    }

    /// <summary>Takes the offset of the levels back.</summary>
    /// <param name="at">Where in the offsets of a block those of the scale are.</param>
    private void WriteCentring(int at)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Broadcast(X, RowOffsets, OffsetOf(row) + at);
            for (var vector = 0; vector < _vectors; vector++)
            {
                _to.SubtractWords(Pairs(row, vector), Pairs(row, vector), X);
            }
        }
    }

    /// <summary>Sums pairs in 32 bits at once.</summary>
    private void WriteSingles(int eight, int first, int end)
    {
        for (var j = first; j < end; j++)
        {
            LoadLevels(eight, j);
            for (var vector = 0; IsFullRange && vector < _vectors; vector++)
            {
                _to.ExclusiveOr(Levels + vector, Levels + vector, Constants, Offsets);
                _to.Absolute(vector, Levels + vector);
            }

            for (var row = 0; row < _rows; row++)
            {
                _to.Broadcast(X, Row(row), 4 * j);
                for (var vector = 0; vector < _vectors; vector++)
                {
                    if (IsFullRange)
                    {
                        _to.Sign(Temporary, X, Levels + vector);
                        _to.MultiplyPairs(Temporary, vector, Temporary);
                    }
                    else
                    {
                        _to.MultiplyPairs(Temporary, Levels + vector, X);
                    }

                    _to.MultiplyWords(j == first ? Integers(row, vector) : Temporary, Temporary, SingleOnes);
                    if (j > first)
                    {
                        _to.AddIntegers(Integers(row, vector), Integers(row, vector), Temporary);
                    }
                }
            }
        }
    }

    private void LoadLevels(int eight, int j)
    {
        for (var vector = 0; vector < _vectors; vector++)
        {
            _to.Load(Levels + vector, Record, Int8TileShape.LevelsAt(8 * (eight + vector), j));
        }
    }
}
