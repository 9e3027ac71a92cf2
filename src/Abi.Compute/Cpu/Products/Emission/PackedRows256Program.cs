using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the product of a few rows with a packed panel in AVX2, as <see cref="PackedRowsProgram"/> does in AVX-512: codes become levels in registers and meet every row there. Levels of 8
/// outputs × 32 columns take half of the sixteen registers, so outputs stay in memory between blocks.
/// </summary>
internal sealed class PackedRows256Program
{
    private const int Sum = 8;
    private const int Run = 9;
    private const int X = 10;
    private const int Temporary = 11;
    private const int Scales = 12; // to 15: scales, then minimums

    private const int Nibbles = 0; // constants, by their offsets
    private const int Planes = 64;
    private const int Table = 192;
    private const int Ones = 256;
    private const int Signs = 320;

    private readonly Assembler _to;
    private readonly PackedRowsProgram.Shape _shape;
    private readonly int _rows;
    private readonly int _together;

    private PackedRows256Program(Assembler to, PackedRowsProgram.Shape shape, int rows)
    {
        (_to, _shape, _rows) = (to, shape, rows);
        _together = LevelPairs.Together(LevelPairs.Greatest(shape.CodeBits, shape.OffsetShift, shape.HasTable));
    }

    private static Register Arguments => Register.Rdi;

    private static Register Codes => Register.Rax;

    private static Register ScaleBytes => Register.Rdx;

    private static Register Column => Register.Rcx;

    private static Register Blocks => Register.Rsi;

    private static Register Pieces => Register.R8;

    private static Register Row => Register.R9;

    private static Register Constants => Register.R10;

    private static Register Output => Register.R11;

    private static int Units => Argument(nameof(PackedRowsArguments.Scratch));

    private static int SignedLevels => Units + 128;

    private bool IsFullRange => _shape.OffsetShift == 7;

    private bool HasOffset => _shape.OffsetShift >= 0 && !IsFullRange;

    /// <summary>Writes the function for some rows: <c>void (PackedRowsArguments*)</c> in the convention of System V.</summary>
    public static void Write(Assembler to, PackedRowsProgram.Shape shape, int rows) => new PackedRows256Program(to, shape, rows).Write();

    private static int Argument(string field) => (int)Marshal.OffsetOf<PackedRowsArguments>(field);

    private void Write()
    {
        _to.Load(Constants, Arguments, Argument(nameof(PackedRowsArguments.Constants)));
        _to.Load(Codes, Arguments, Argument(nameof(PackedRowsArguments.Packed)));
        _to.Load(Pieces, Arguments, Argument(nameof(PackedRowsArguments.Pieces)));
        _to.Zero(Column);
        var piece = _to.Length;
        _to.Zero(Output);
        var group = _to.Length;
        _to.Move(ScaleBytes, Codes);
        _to.Add(ScaleBytes, Arguments, Argument(nameof(PackedRowsArguments.CodeBytes)));
        _to.Load(Blocks, Arguments, Argument(nameof(PackedRowsArguments.Blocks)));
        WriteUnits();
        _to.Align();
        var block = _to.Length;
        WriteBlock();
        _to.Add(Codes, _shape.CodeBytes);
        _to.Add(ScaleBytes, _shape.BlockScaleBytes);
        _to.Add(Column, ActivationBlock.Bytes);
        _to.Add(Blocks, -1);
        _to.JumpIfNotZero(block);
        _to.Subtract(Column, Arguments, Argument(nameof(PackedRowsArguments.XBytes)));
        _to.Add(Codes, Arguments, Argument(nameof(PackedRowsArguments.ScaleBytes)));
        _to.Add(Output, 64);
        _to.Compare(Output, 256);
        _to.JumpIfNotZero(group);
        _to.Add(Column, Arguments, Argument(nameof(PackedRowsArguments.XBytes)));
        _to.Add(Pieces, -1);
        _to.JumpIfNotZero(piece);
        _to.ZeroUpper();
        _to.Return();
    }

    /// <summary>Makes units float32 once for a group: those of scales for 16 outputs, then of minimums.</summary>
    private void WriteUnits()
    {
        if (_shape.ScaleForm != ScaleForm.Super)
        {
            return;
        }

        for (var kind = 0; kind < (_shape.HasMinimum ? 2 : 1); kind++)
        {
            _to.Broadcast(X, Arguments, Argument(kind == 0 ? nameof(PackedRowsArguments.UnitFactor) : nameof(PackedRowsArguments.MinimumFactor)));
            for (var half = 0; half < 2; half++)
            {
                _to.LoadHalves(Temporary, ScaleBytes, (32 * kind) + (16 * half));
                _to.Multiply(Temporary, Temporary, X);
                _to.Store(Arguments, UnitOf(half, kind), Temporary);
            }
        }

        _to.Add(ScaleBytes, _shape.HasMinimum ? 64 : 32);
    }

    private static int UnitOf(int half, int kind) => Units + (64 * kind) + (32 * half);

    private void WriteBlock()
    {
        for (var line = 0; line < _shape.CodeBytes; line += 64)
        {
            _to.Prefetch(Codes, _shape.Ahead + line);
        }

        for (var line = 0; line < _shape.BlockScaleBytes; line += 64)
        {
            _to.Prefetch(ScaleBytes, _shape.Ahead + line);
        }

        for (var half = 0; half < 2; half++)
        {
            WriteLevels(32 * half);
            WriteScales(half);
            for (var row = 0; row < _rows; row++)
            {
                WriteRow(row, 32 * half);
            }
        }
    }

    /// <summary>Makes the levels of 8 outputs × 32 columns: registers 0 to 7.</summary>
    private void WriteLevels(int at)
    {
        if (_shape.CodeBits == 8)
        {
            for (var j = 0; j < 8; j++)
            {
                _to.Load(j, Codes, at + (64 * j));
            }
        }
        else
        {
            WritePlanes(at);
        }

        if (_shape.HasTable)
        {
            _to.Load(Temporary, Constants, Table);
            for (var j = 0; j < 8; j++)
            {
                _to.Shuffle(j, Temporary, j);
            }
        }

        for (var j = 0; IsFullRange && j < 8; j++)
        {
            _to.ExclusiveOr(j, j, Constants, Signs);
            _to.Store(Arguments, SignedLevels + (32 * j), j);
            _to.Absolute(j, j);
        }
    }

    /// <summary>Puts codes together from planes of bits, which lie behind each other as packing has them.</summary>
    private void WritePlanes(int at)
    {
        var isFirst = true;
        void Merge(int level, int bits, int mask)
        {
            if (isFirst)
            {
                _to.And(level, bits, mask);
                return;
            }

            _to.And(bits, bits, mask);
            _to.Or(level, level, bits);
        }

        if ((_shape.CodeBits & 4) != 0)
        {
            _to.Load(X, Constants, Nibbles);
            for (var j = 0; j < 4; j++)
            {
                _to.Load(Sum, Codes, at + (64 * j));
                _to.ShiftWords(Run, Sum, -4);
                _to.And(j, Sum, X);
                _to.And(j + 4, Run, X);
            }

            isFirst = false;
        }

        if ((_shape.CodeBits & 2) != 0)
        {
            var shift = _shape.CodeBits & 4;
            _to.Load(X, Constants, Planes);
            for (var half = 0; half < 2; half++)
            {
                _to.Load(Sum, Codes, at + (64 * shift) + (64 * half));
                for (var j = 0; j < 4; j++)
                {
                    Shift(Run, Sum, shift - (2 * j));
                    Merge(j + (4 * half), Run, X);
                }
            }

            isFirst = false;
        }

        if ((_shape.CodeBits & 1) != 0)
        {
            var shift = _shape.CodeBits & 6;
            _to.Load(X, Constants, Planes + 64);
            _to.Load(Sum, Codes, at + (64 * shift));
            for (var j = 0; j < 8; j++)
            {
                Shift(Run, Sum, shift - j);
                Merge(j, Run, X);
            }
        }
    }

    /// <summary>Shifts to the left, or to the right by a negative count; what crosses from byte to byte is masked away.</summary>
    private void Shift(int to, int source, int count)
    {
        if (count == 0)
        {
            _to.Move(to, source);
        }
        else
        {
            _to.ShiftWords(to, source, count);
        }
    }

    private void WriteScales(int half)
    {
        if (_shape.HasSharedByte)
        {
            for (var s = 0; s < 2; s++)
            {
                _to.LoadSignedBytes(X, ScaleBytes, (16 * s) + (8 * half));
                _to.ShiftRight(Temporary, X, 4);
                WriteMultiple(Scales + s, X, UnitOf(half, 0));
                WriteMultiple(Scales + 2 + s, Temporary, UnitOf(half, 1));
            }

            return;
        }

        for (var i = 0; i < _shape.Scales * (_shape.HasMinimum ? 2 : 1); i++)
        {
            var to = Scales + (i < _shape.Scales ? i : 2 + i - _shape.Scales);
            switch (_shape.ScaleForm)
            {
                case ScaleForm.Half:
                    _to.LoadHalves(to, ScaleBytes, (32 * i) + (16 * half));
                    break;
                case ScaleForm.Super:
                    _to.LoadSignedBytes(to, ScaleBytes, (16 * i) + (8 * half));
                    _to.ToFloats(to, to);
                    _to.Multiply(to, to, Arguments, UnitOf(half, i < _shape.Scales ? 0 : 1));
                    break;
                default:
                    _to.Load(to, ScaleBytes, (64 * i) + (32 * half));
                    break;
            }
        }
    }

    /// <summary>A scale from the low four bits of each integer.</summary>
    private void WriteMultiple(int to, int integers, int unit)
    {
        _to.ShiftLeft(integers, integers, 28);
        _to.ShiftRight(integers, integers, 28);
        _to.ToFloats(to, integers);
        _to.Multiply(to, to, Arguments, unit);
    }

    private void WriteRow(int row, int output)
    {
        _to.Load(Row, Arguments, Argument(nameof(PackedRowsArguments.X)) + (8 * row));
        if (_shape.Scales == 1)
        {
            WriteSum(0, 8, ActivationBlock.NegativeSumOffset);
            _to.ToFloats(Sum, Sum);
            _to.Multiply(Sum, Sum, Scales);
        }
        else
        {
            WriteSum(4, 8, ActivationBlock.HalfNegativeSumsOffset + 4);
            _to.ToFloats(Temporary, Sum);
            WriteSum(0, 4, ActivationBlock.HalfNegativeSumsOffset);
            _to.ToFloats(Sum, Sum);
            _to.Multiply(Sum, Sum, Scales);
            _to.MultiplyAdd(Sum, Temporary, Scales + 1);
        }

        for (var minimum = 0; _shape.HasMinimum && minimum < _shape.Scales; minimum++)
        {
            _to.Broadcast(X, Row, _shape.Scales == 1 ? ActivationBlock.SumOffset : ActivationBlock.HalfSumsOffset + (4 * minimum), Column);
            _to.MultiplyAdd(Sum, X, Scales + 2 + minimum);
        }

        _to.Broadcast(X, Row, ActivationBlock.ScaleOffset, Column);
        _to.Load(Row, Arguments, Argument(nameof(PackedRowsArguments.Y)) + (8 * row));
        _to.MultiplyAddMemory(Sum, X, Row, output, Output);
        _to.Store(Row, output, Sum, Output);
    }

    /// <summary>Σ level × activation over groups of four columns [first, end), the offset of the levels taken back by what lies at <paramref name="negativeSum"/>.</summary>
    private void WriteSum(int first, int end, int negativeSum)
    {
        for (var start = first; start < end; start += _together)
        {
            var run = start == first ? Sum : Run;
            for (var j = start; j < Math.Min(start + _together, end); j++)
            {
                var product = j == start ? run : X;
                _to.Broadcast(X, Row, 4 * j, Column);
                if (IsFullRange)
                {
                    _to.Sign(X, X, Arguments, SignedLevels + (32 * j));
                }

                _to.MultiplyPairs(product, j, X);
                if (j > start)
                {
                    _to.AddWords(run, run, X);
                }
            }

            _to.MultiplyWords(run, run, Constants, Ones);
            if (start > first)
            {
                _to.AddIntegers(Sum, Sum, run);
            }
        }

        if (HasOffset)
        {
            _to.Broadcast(X, Row, negativeSum, Column);
            if (_shape.OffsetShift > 0)
            {
                _to.ShiftLeft(X, X, _shape.OffsetShift);
            }

            _to.AddIntegers(Sum, Sum, X);
        }
    }
}
