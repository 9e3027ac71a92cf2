namespace Abi.Compute.Cpu.Products.Emission;

/// <summary><see cref="PackedRowsProgram"/> in AVX-512 and VNNI: levels of 16 outputs × 32 columns take eight registers, each row's outputs one.</summary>
internal sealed class PackedRows512Program(Assembler to, PackedRowsShape shape, int rows) : PackedRowsProgram(to, shape, rows)
{
    private const int Levels = 8; // to 15
    private const int Integers = 16; // to 19: two for each of two rows
    private const int Unit = 24;
    private const int MinimumUnit = 25;
    private const int Nibbles = 26;
    private const int Pairs = 27;
    private const int Bits = 28;
    private const int Table = 29;
    private const int Temporary = 30;
    private const int Temporary2 = 31;

    protected override int Scales => 20; // to 23

    protected override (int First, int Second) Temporaries => (Temporary, Temporary2);

    protected override void WriteBeginning()
    {
        To.Load(Stretch, Arguments, Argument(nameof(PackedRowsArguments.Constants)));
        for (var i = 0; i < 4; i++)
        {
            To.Load(Nibbles + i, Stretch, 64 * i);
        }
    }

    protected override void WriteFirstOutputs() => ForOutputs((row, output) => To.Load(output, row, 0, Output));

    protected override void WriteLastOutputs() => ForOutputs((row, output) => To.Store(row, 0, output, Output));

    protected override void WriteUnits()
    {
        To.LoadHalves(Unit, Stretch, 0);
        To.MultiplyBroadcast(Unit, Unit, Arguments, Argument(nameof(PackedRowsArguments.UnitFactor)));
        if (Layout.HasMinimum)
        {
            To.LoadHalves(MinimumUnit, Stretch, 32);
            To.MultiplyBroadcast(MinimumUnit, MinimumUnit, Arguments, Argument(nameof(PackedRowsArguments.MinimumFactor)));
        }
    }

    protected override void WriteUnitProduct(int scale, int output, bool isMinimum) => To.Multiply(scale, scale, isMinimum ? MinimumUnit : Unit);

    protected override void WriteBlock(int codes, int scales)
    {
        WriteScales(scales, output: 0);
        for (var j = 0; j < 4; j++)
        {
            WriteLevels(codes, j);
        }

        for (var row = 0; row < Rows; row += 2)
        {
            WriteRows(row, Math.Min(2, Rows - row));
        }
    }

    private static Register Row(int row) => Register.R9 + (row & 1);

    /// <summary>For each row: where its outputs are, and the register that has those of the group.</summary>
    private void ForOutputs(Action<Register, int> write)
    {
        for (var row = 0; row < Rows; row++)
        {
            To.Load(Row(row), Arguments, Argument(nameof(PackedRowsArguments.Y)) + (8 * row));
            write(Row(row), row);
        }
    }

    /// <summary>Makes levels of vectors <paramref name="j"/> and j + 4 of a block whose codes lie <paramref name="at"/> in the stretch; planes of bits lie behind each other as packing has them.</summary>
    private void WriteLevels(int at, int j)
    {
        var (low, high) = (Levels + j, Levels + j + 4);
        if (Layout.CodeBits == 8)
        {
            To.Load(low, Stretch, at + (64 * j));
            To.Load(high, Stretch, at + (64 * j) + 256);
            return;
        }

        var isFirst = true;
        void Merge(int zmm, int bits, int mask)
        {
            if (isFirst)
            {
                To.And(zmm, bits, mask);
            }
            else
            {
                To.OrAnd(zmm, bits, mask);
            }
        }

        if ((Layout.CodeBits & 4) != 0)
        {
            To.Load(Temporary, Stretch, at + (64 * j));
            To.ShiftWords(Temporary2, Temporary, -4);
            To.And(low, Temporary, Nibbles);
            To.And(high, Temporary2, Nibbles);
            isFirst = false;
        }

        if ((Layout.CodeBits & 2) != 0)
        {
            var shift = Layout.CodeBits & 4;
            for (var half = 0; half < 2; half++)
            {
                To.Load(Temporary, Stretch, at + (64 * shift) + (64 * half));
                To.ShiftWords(Temporary, Temporary, shift - (2 * j));
                Merge(half == 0 ? low : high, Temporary, Pairs);
            }

            isFirst = false;
        }

        if ((Layout.CodeBits & 1) != 0)
        {
            var shift = Layout.CodeBits & 6;
            To.Load(Temporary, Stretch, at + (64 * shift));
            To.ShiftWords(Temporary2, Temporary, shift - j);
            Merge(low, Temporary2, Bits);
            To.ShiftWords(Temporary2, Temporary, shift - j - 4);
            Merge(high, Temporary2, Bits);
        }

        if (Shape.HasTable)
        {
            To.Shuffle(low, Table, low);
            To.Shuffle(high, Table, high);
        }
    }

    /// <summary>One row, or two whose chains of instructions fill each other's waiting.</summary>
    private void WriteRows(int first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            To.Load(Row(i), Arguments, Argument(nameof(PackedRowsArguments.X)) + (8 * (first + i)));
        }

        for (var i = 0; i < count; i++)
        {
            WriteStart(i);
        }

        for (var j = 0; j < 4; j++)
        {
            for (var i = 0; i < count; i++)
            {
                To.DotBytes(Integers + (2 * i), Levels + j, Row(i), 4 * j, Column);
                To.DotBytes(Integers + (2 * i) + 1, Levels + j + 4, Row(i), (4 * j) + 16, Column);
            }
        }

        for (var i = 0; i < count; i++)
        {
            var integer = Integers + (2 * i);
            if (Layout.Scales == 1)
            {
                To.AddIntegers(integer, integer, integer + 1);
                To.ToFloats(integer, integer);
                To.Multiply(integer, integer, Scales);
            }
            else
            {
                To.ToFloats(integer, integer);
                To.ToFloats(integer + 1, integer + 1);
                To.Multiply(integer, integer, Scales);
                To.MultiplyAdd(integer, integer + 1, Scales + 1);
            }

            for (var minimum = 0; Layout.HasMinimum && minimum < Layout.Scales; minimum++)
            {
                var at = ActivationBlock.SumAt(minimum, Layout.Scales);
                To.MultiplyAdd(integer, Scales + 2 + minimum, Row(i), at, broadcast: true, Column);
            }

            To.MultiplyAdd(first + i, integer, Row(i), ActivationBlock.ScaleOffset, broadcast: true, Column);
        }
    }

    /// <summary>Integers begin with what takes the offset of the levels back: those of the first 16 columns, and of the others where they have a scale of their own.</summary>
    private void WriteStart(int row)
    {
        for (var half = 0; half < 2; half++)
        {
            var integer = Integers + (2 * row) + half;
            var at = ActivationBlock.NegativeSumAt(half, Layout.Scales);
            if (Shape.OffsetShift < 0 || (Layout.Scales == 1 && half == 1))
            {
                To.Zero(integer);
            }
            else
            {
                To.BroadcastShifted(integer, Row(row), at, Shape.OffsetShift, Column);
            }
        }
    }
}
