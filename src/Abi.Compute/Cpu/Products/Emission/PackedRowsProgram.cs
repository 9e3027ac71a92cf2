using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the product of a few rows with a packed panel. Codes become levels in registers, never in memory, and meet every row there: so one row is computed at the speed of
/// memory, and each further one costs its arithmetic alone. Levels of 16 outputs × 32 columns take eight registers, each row's outputs one.
/// </summary>
internal sealed class PackedRowsProgram
{
    /// <summary>The most rows of a function: registers and instruction cache would allow some more, but unpacking is then already a small part.</summary>
    public const int MostRows = 8;

    private const int Levels = 8; // to 15
    private const int Integers = 16; // to 19: two for each of two rows
    private const int Scales = 20; // to 23: scales, then minimums
    private const int Unit = 24;
    private const int MinimumUnit = 25;
    private const int Nibbles = 26;
    private const int Pairs = 27;
    private const int Bits = 28;
    private const int Table = 29;
    private const int Temporary = 30;
    private const int Temporary2 = 31;

    private readonly Assembler _to;
    private readonly Shape _shape;
    private readonly int _rows;

    private PackedRowsProgram(Assembler to, Shape shape, int rows) => (_to, _shape, _rows) = (to, shape, rows);

    private static Register Arguments => Register.Rdi;

    private static Register Codes => Register.Rax;

    private static Register ScaleBytes => Register.Rdx;

    private static Register Column => Register.Rcx;

    private static Register Blocks => Register.Rsi;

    private static Register Pieces => Register.R8;

    private static Register Output => Register.R11;

    /// <summary>Writes the function for some rows: <c>void (PackedRowsArguments*)</c> in the convention of System V.</summary>
    public static void Write(Assembler to, Shape shape, int rows) => new PackedRowsProgram(to, shape, rows).Write();

    private static Register Row(int row) => Register.R9 + (row & 1);

    private static int Argument(string field) => (int)Marshal.OffsetOf<PackedRowsArguments>(field);

    private void Write()
    {
        _to.Load(Codes, Arguments, Argument(nameof(PackedRowsArguments.Constants)));
        for (var i = 0; i < 4; i++)
        {
            _to.Load(Nibbles + i, Codes, 64 * i);
        }

        _to.Load(Codes, Arguments, Argument(nameof(PackedRowsArguments.Packed)));
        _to.Load(Pieces, Arguments, Argument(nameof(PackedRowsArguments.Pieces)));
        _to.Zero(Column);
        var piece = _to.Length;
        _to.Zero(Output);
        var group = _to.Length;
        _to.Move(ScaleBytes, Codes);
        _to.Add(ScaleBytes, Arguments, Argument(nameof(PackedRowsArguments.CodeBytes)));
        _to.Load(Blocks, Arguments, Argument(nameof(PackedRowsArguments.Blocks)));
        ForOutputs(load: true);
        WriteUnits();
        _to.Align();
        var block = _to.Length;
        WriteBlock();
        _to.Add(Codes, _shape.CodeBytes);
        _to.Add(ScaleBytes, _shape.BlockScaleBytes);
        _to.Add(Column, ActivationBlock.Bytes);
        _to.Add(Blocks, -1);
        _to.JumpIfNotZero(block);
        ForOutputs(load: false);
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

    private void ForOutputs(bool load)
    {
        for (var row = 0; row < _rows; row++)
        {
            _to.Load(Row(row), Arguments, Argument(nameof(PackedRowsArguments.Y)) + (8 * row));
            if (load)
            {
                _to.Load(row, Row(row), 0, Output);
            }
            else
            {
                _to.Store(Row(row), 0, row, Output);
            }
        }
    }

    private void WriteUnits()
    {
        if (_shape.ScaleForm != ScaleForm.Super)
        {
            return;
        }

        _to.LoadHalves(Unit, ScaleBytes, 0);
        _to.MultiplyBroadcast(Unit, Unit, Arguments, Argument(nameof(PackedRowsArguments.UnitFactor)));
        if (_shape.HasMinimum)
        {
            _to.LoadHalves(MinimumUnit, ScaleBytes, 32);
            _to.MultiplyBroadcast(MinimumUnit, MinimumUnit, Arguments, Argument(nameof(PackedRowsArguments.MinimumFactor)));
        }

        _to.Add(ScaleBytes, _shape.HasMinimum ? 64 : 32);
    }

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

        for (var j = 0; j < 4; j++)
        {
            WriteLevels(j);
        }

        WriteScales();
        for (var row = 0; row < _rows; row += 2)
        {
            WriteRows(row, Math.Min(2, _rows - row));
        }
    }

    /// <summary>Makes levels of vectors <paramref name="j"/> and j + 4 of a block; planes of bits lie behind each other as packing has them.</summary>
    private void WriteLevels(int j)
    {
        var (low, high) = (Levels + j, Levels + j + 4);
        if (_shape.CodeBits == 8)
        {
            _to.Load(low, Codes, 64 * j);
            _to.Load(high, Codes, (64 * j) + 256);
            return;
        }

        var isFirst = true;
        void Merge(int zmm, int bits, int mask)
        {
            if (isFirst)
            {
                _to.And(zmm, bits, mask);
            }
            else
            {
                _to.OrAnd(zmm, bits, mask);
            }
        }

        if ((_shape.CodeBits & 4) != 0)
        {
            _to.Load(Temporary, Codes, 64 * j);
            _to.ShiftWords(Temporary2, Temporary, -4);
            _to.And(low, Temporary, Nibbles);
            _to.And(high, Temporary2, Nibbles);
            isFirst = false;
        }

        if ((_shape.CodeBits & 2) != 0)
        {
            var shift = _shape.CodeBits & 4;
            for (var half = 0; half < 2; half++)
            {
                _to.Load(Temporary, Codes, (64 * shift) + (64 * half));
                _to.ShiftWords(Temporary, Temporary, shift - (2 * j));
                Merge(half == 0 ? low : high, Temporary, Pairs);
            }

            isFirst = false;
        }

        if ((_shape.CodeBits & 1) != 0)
        {
            var shift = _shape.CodeBits & 6;
            _to.Load(Temporary, Codes, 64 * shift);
            _to.ShiftWords(Temporary2, Temporary, shift - j);
            Merge(low, Temporary2, Bits);
            _to.ShiftWords(Temporary2, Temporary, shift - j - 4);
            Merge(high, Temporary2, Bits);
        }

        if (_shape.HasTable)
        {
            _to.Shuffle(low, Table, low);
            _to.Shuffle(high, Table, high);
        }
    }

    private void WriteScales()
    {
        if (_shape.HasSharedByte)
        {
            for (var s = 0; s < 2; s++)
            {
                _to.LoadSignedBytes(Temporary, ScaleBytes, 16 * s);
                _to.ShiftRight(Temporary2, Temporary, 4);
                WriteMultiple(Scales + s, Temporary, Unit);
                WriteMultiple(Scales + 2 + s, Temporary2, MinimumUnit);
            }

            return;
        }

        for (var i = 0; i < _shape.Scales * (_shape.HasMinimum ? 2 : 1); i++)
        {
            var to = Scales + (i < _shape.Scales ? i : 2 + i - _shape.Scales);
            switch (_shape.ScaleForm)
            {
                case ScaleForm.Half:
                    _to.LoadHalves(to, ScaleBytes, 32 * i);
                    break;
                case ScaleForm.Super:
                    _to.LoadSignedBytes(to, ScaleBytes, 16 * i);
                    _to.ToFloats(to, to);
                    _to.Multiply(to, to, i < _shape.Scales ? Unit : MinimumUnit);
                    break;
                default:
                    _to.Load(to, ScaleBytes, 64 * i);
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
        _to.Multiply(to, to, unit);
    }

    /// <summary>One row, or two whose chains of instructions fill each other's waiting.</summary>
    private void WriteRows(int first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            _to.Load(Row(i), Arguments, Argument(nameof(PackedRowsArguments.X)) + (8 * (first + i)));
        }

        for (var i = 0; i < count; i++)
        {
            WriteStart(i);
        }

        for (var j = 0; j < 4; j++)
        {
            for (var i = 0; i < count; i++)
            {
                _to.DotBytes(Integers + (2 * i), Levels + j, Row(i), 4 * j, Column);
                _to.DotBytes(Integers + (2 * i) + 1, Levels + j + 4, Row(i), (4 * j) + 16, Column);
            }
        }

        for (var i = 0; i < count; i++)
        {
            var integer = Integers + (2 * i);
            if (_shape.Scales == 1)
            {
                _to.AddIntegers(integer, integer, integer + 1);
                _to.ToFloats(integer, integer);
                _to.Multiply(integer, integer, Scales);
            }
            else
            {
                _to.ToFloats(integer, integer);
                _to.ToFloats(integer + 1, integer + 1);
                _to.Multiply(integer, integer, Scales);
                _to.MultiplyAdd(integer, integer + 1, Scales + 1);
            }

            for (var minimum = 0; _shape.HasMinimum && minimum < _shape.Scales; minimum++)
            {
                var at = _shape.Scales == 1 ? ActivationBlock.SumOffset : ActivationBlock.HalfSumsOffset + (4 * minimum);
                _to.MultiplyAdd(integer, Scales + 2 + minimum, Row(i), at, broadcast: true, Column);
            }

            _to.MultiplyAdd(first + i, integer, Row(i), ActivationBlock.ScaleOffset, broadcast: true, Column);
        }
    }

    /// <summary>Integers begin with what takes the offset of the levels back: those of the first 16 columns, and of the others where they have a scale of their own.</summary>
    private void WriteStart(int row)
    {
        for (var half = 0; half < 2; half++)
        {
            var integer = Integers + (2 * row) + half;
            var at = _shape.Scales == 1 ? ActivationBlock.NegativeSumOffset : ActivationBlock.HalfNegativeSumsOffset + (4 * half);
            if (_shape.OffsetShift < 0 || (_shape.Scales == 1 && half == 1))
            {
                _to.Zero(integer);
            }
            else if (_shape.OffsetShift == 0)
            {
                _to.Broadcast(integer, Row(row), at, Column);
            }
            else
            {
                _to.BroadcastShifted(integer, Row(row), at, _shape.OffsetShift, Column);
            }
        }
    }

    /// <summary>What the code depends on of a format.</summary>
    /// <param name="CodeBits">The bits of a packed code.</param>
    /// <param name="ScaleForm">Not <see cref="ScaleForm.Power"/>.</param>
    /// <param name="Scales">The scales of a block.</param>
    /// <param name="HasMinimum">Whether each has a minimum.</param>
    /// <param name="OffsetShift">The offset of levels, as a power of two.</param>
    /// <param name="HasTable">Whether codes name levels.</param>
    /// <param name="Ahead">How far ahead of reading memory is asked for, in bytes.</param>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Shape(int CodeBits, ScaleForm ScaleForm, int Scales, bool HasMinimum, int OffsetShift, bool HasTable, int Ahead)
    {
        /// <summary>The bytes of codes of a block.</summary>
        public int CodeBytes => 64 * CodeBits;

        /// <summary>Whether a scale and its minimum are the halves of a byte.</summary>
        public bool HasSharedByte => Scales == 2 && HasMinimum;

        /// <summary>The bytes of scales of a block.</summary>
        public int BlockScaleBytes => ScaleForm switch
        {
            ScaleForm.Half => 32 * Scales * (HasMinimum ? 2 : 1),
            ScaleForm.Super => 16 * (HasSharedByte ? 2 : Scales * (HasMinimum ? 2 : 1)),
            _ => 64 * Scales * (HasMinimum ? 2 : 1),
        };
    }
}
