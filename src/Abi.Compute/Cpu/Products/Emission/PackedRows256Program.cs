namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// <see cref="PackedRowsProgram"/> in AVX2, with AVX-VNNI where that is: levels of 8 outputs × 32 columns take half of the sixteen registers, so outputs stay in memory between blocks.
/// </summary>
internal sealed class PackedRows256Program(Assembler to, PackedRowsShape shape, int rows) : PackedRowsProgram(to, shape, rows)
{
    private const int Sum = 8;
    private const int Run = 9;
    private const int X = 10;
    private const int Temporary = 11;

    private const int Nibbles = 0; // constants, by their offsets
    private const int Planes = 64;
    private const int Table = 192;
    private const int Ones = 256;
    private const int Signs = 320;

    private readonly int _together = LevelPairs.Together(LevelPairs.Greatest(shape.Layout.CodeBits, shape.OffsetShift, shape.HasTable));

    protected override int Scales => 12; // to 15

    protected override (int First, int Second) Temporaries => (X, Temporary);

    private static Register Row => Register.R9;

    private static Register Constants => Register.R10;

    private static int Units => Argument(nameof(PackedRowsArguments.Scratch));

    private static int SignedLevels => Units + 128;

    /// <summary>Whether levels use all 8 bits, which sums of pairs have no room for.</summary>
    private bool IsFullRange => Shape.OffsetShift == 7 && !To.HasDots;

    private bool HasOffset => Shape.OffsetShift >= 0 && !IsFullRange;

    protected override void WriteBeginning() => To.Load(Constants, Arguments, Argument(nameof(PackedRowsArguments.Constants)));

    /// <summary>Units stay in memory: those of scales for 16 outputs, then of minimums.</summary>
    protected override void WriteUnits()
    {
        for (var kind = 0; kind < (Layout.HasMinimum ? 2 : 1); kind++)
        {
            To.Broadcast(X, Arguments, Argument(kind == 0 ? nameof(PackedRowsArguments.UnitFactor) : nameof(PackedRowsArguments.MinimumFactor)));
            for (var output = 0; output < Panel.GroupOutputs; output += To.Lanes)
            {
                To.LoadHalves(Temporary, Stretch, (32 * kind) + (2 * output));
                To.Multiply(Temporary, Temporary, X);
                To.Store(Arguments, UnitAt(output, isMinimum: kind == 1), Temporary);
            }
        }
    }

    protected override void WriteUnitProduct(int scale, int output, bool isMinimum) => To.Multiply(scale, scale, Arguments, UnitAt(output, isMinimum));

    protected override void WriteBlock(int codes, int scales)
    {
        for (var output = 0; output < Panel.GroupOutputs; output += To.Lanes)
        {
            WriteScales(scales, output);
            WriteLevels(codes + (4 * output));
            for (var row = 0; row < Rows; row++)
            {
                WriteRow(row, 4 * output);
            }
        }
    }

    private static int UnitAt(int output, bool isMinimum) => Units + (isMinimum ? 64 : 0) + (4 * output);

    /// <summary>Makes the levels of 8 outputs × 32 columns: registers 0 to 7.</summary>
    private void WriteLevels(int at)
    {
        if (Layout.CodeBits == 8)
        {
            for (var j = 0; j < 8; j++)
            {
                To.Load(j, Stretch, at + (64 * j));
            }
        }
        else
        {
            WritePlanes(at);
        }

        if (Shape.HasTable)
        {
            To.Load(Temporary, Constants, Table);
            for (var j = 0; j < 8; j++)
            {
                To.Shuffle(j, Temporary, j);
            }
        }

        for (var j = 0; IsFullRange && j < 8; j++)
        {
            To.ExclusiveOr(j, j, Constants, Signs);
            To.Store(Arguments, SignedLevels + (32 * j), j);
            To.Absolute(j, j);
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
                To.And(level, bits, mask);
                return;
            }

            To.And(bits, bits, mask);
            To.Or(level, level, bits);
        }

        if ((Layout.CodeBits & 4) != 0)
        {
            To.Load(X, Constants, Nibbles);
            for (var j = 0; j < 4; j++)
            {
                To.Load(Sum, Stretch, at + (64 * j));
                To.ShiftWords(Run, Sum, -4);
                To.And(j, Sum, X);
                To.And(j + 4, Run, X);
            }

            isFirst = false;
        }

        if ((Layout.CodeBits & 2) != 0)
        {
            var shift = Layout.CodeBits & 4;
            To.Load(X, Constants, Planes);
            for (var half = 0; half < 2; half++)
            {
                To.Load(Sum, Stretch, at + (64 * shift) + (64 * half));
                for (var j = 0; j < 4; j++)
                {
                    Shift(Run, Sum, shift - (2 * j));
                    Merge(j + (4 * half), Run, X);
                }
            }

            isFirst = false;
        }

        if ((Layout.CodeBits & 1) != 0)
        {
            var shift = Layout.CodeBits & 6;
            To.Load(X, Constants, Planes + 64);
            To.Load(Sum, Stretch, at + (64 * shift));
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
            To.Move(to, source);
        }
        else
        {
            To.ShiftWords(to, source, count);
        }
    }

    private void WriteRow(int row, int output)
    {
        To.Load(Row, Arguments, Argument(nameof(PackedRowsArguments.X)) + (8 * row));
        Action<int, int, int> sum = To.HasDots ? WriteDots : WriteSum;
        if (Layout.Scales == 1)
        {
            sum(0, 8, ActivationBlock.NegativeSumAt(0, 1));
            To.ToFloats(Sum, Sum);
            To.Multiply(Sum, Sum, Scales);
        }
        else
        {
            sum(4, 8, ActivationBlock.NegativeSumAt(1, 2));
            To.ToFloats(Temporary, Sum);
            sum(0, 4, ActivationBlock.NegativeSumAt(0, 2));
            To.ToFloats(Sum, Sum);
            To.Multiply(Sum, Sum, Scales);
            To.MultiplyAdd(Sum, Temporary, Scales + 1);
        }

        for (var minimum = 0; Layout.HasMinimum && minimum < Layout.Scales; minimum++)
        {
            To.Broadcast(X, Row, ActivationBlock.SumAt(minimum, Layout.Scales), Column);
            To.MultiplyAdd(Sum, X, Scales + 2 + minimum);
        }

        To.Broadcast(X, Row, ActivationBlock.ScaleOffset, Column);
        To.Load(Row, Arguments, Argument(nameof(PackedRowsArguments.Y)) + (8 * row));
        To.MultiplyAddMemory(Sum, X, Row, output, Output);
        To.Store(Row, output, Sum, Output);
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
                To.Broadcast(X, Row, 4 * j, Column);
                if (IsFullRange)
                {
                    To.Sign(X, X, Arguments, SignedLevels + (32 * j));
                }

                To.MultiplyPairs(product, j, X);
                if (j > start)
                {
                    To.AddWords(run, run, X);
                }
            }

            To.MultiplyWords(run, run, Constants, Ones);
            if (start > first)
            {
                To.AddIntegers(Sum, Sum, run);
            }
        }

        if (HasOffset)
        {
            To.BroadcastShifted(X, Row, negativeSum, Shape.OffsetShift, Column);
            To.AddIntegers(Sum, Sum, X);
        }
    }

    /// <summary>The same with products of four bytes: a sum begins with what takes the offset back. All 32 columns have two sums, since each product waits for the one before.</summary>
    private void WriteDots(int first, int end, int negativeSum)
    {
        if (HasOffset)
        {
            To.BroadcastShifted(Sum, Row, negativeSum, Shape.OffsetShift, Column);
        }
        else
        {
            To.Zero(Sum);
        }

        var middle = first + 4;
        for (var j = first; j < end; j++)
        {
            if (j == middle)
            {
                To.Zero(Run);
            }

            To.Broadcast(X, Row, 4 * j, Column);
            To.DotBytes(j < middle ? Sum : Run, j, X);
        }

        if (end > middle)
        {
            To.AddIntegers(Sum, Sum, Run);
        }
    }
}
