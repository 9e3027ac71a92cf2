using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Writes the product of a few rows with a packed panel. Codes become levels in registers, never in memory, and meet every row there: so one row is computed at the speed of
/// memory, and each further one costs its arithmetic alone. This is the way over the panel (piece after piece, in a piece group after group of 16 outputs, in a group block after block) and what
/// becomes of its scales; what is done with a block depends on the registers that there are.
/// </summary>
internal abstract class PackedRowsProgram(Assembler to, PackedRowsShape shape, int rows)
{
    /// <summary>The most rows of a function: registers and instruction cache would allow some more, but unpacking is then already a small part.</summary>
    public const int MostRows = 8;

    protected static Register Arguments => Register.Rdi;

    /// <summary>Where in the panel the stretch of blocks begins.</summary>
    protected static Register Stretch => Register.Rax;

    /// <summary>Where in the rows the block's columns are.</summary>
    protected static Register Column => Register.Rcx;

    /// <summary>Where in the outputs those of the group are.</summary>
    protected static Register Output => Register.R11;

    /// <summary>Where in the panel the group begins.</summary>
    private static Register Group => Register.Rdx;

    private static Register Blocks => Register.Rsi;

    private static Register Pieces => Register.R8;

    protected Assembler To => to;

    protected PackedRowsShape Shape => shape;

    protected PackedLayout Layout => shape.Layout;

    protected int Rows => rows;

    /// <summary>The first of four vector registers: two scales, then two minimums.</summary>
    protected abstract int Scales { get; }

    /// <summary>Two vector registers that hold nothing while scales are made.</summary>
    protected abstract (int First, int Second) Temporaries { get; }

    /// <summary>Writes the function for some rows: <c>void (PackedRowsArguments*)</c> in the convention of System V.</summary>
    /// <param name="to">Where to: in AVX-512 and VNNI, or narrow in AVX2 or AVX-VNNI.</param>
    /// <param name="shape">The format.</param>
    /// <param name="rows">1 to <see cref="MostRows"/>.</param>
    public static void Write(Assembler to, PackedRowsShape shape, int rows)
    {
        PackedRowsProgram program = to.IsNarrow ? new PackedRows256Program(to, shape, rows) : new PackedRows512Program(to, shape, rows);
        program.Write();
    }

    protected static int Argument(string field) => (int)Marshal.OffsetOf<PackedRowsArguments>(field);

    /// <summary>Loads what stays in registers throughout, before <see cref="Stretch"/> is set.</summary>
    protected abstract void WriteBeginning();

    /// <summary>Makes units, which lie where <see cref="Stretch"/> is, float32, once for a group.</summary>
    protected abstract void WriteUnits();

    /// <summary>Multiplies a scale or minimum with its unit.</summary>
    /// <param name="scale">The vector register.</param>
    /// <param name="output">Its first of the group's outputs.</param>
    /// <param name="isMinimum">Whether it is a minimum.</param>
    protected abstract void WriteUnitProduct(int scale, int output, bool isMinimum);

    /// <summary>Adds a block's products to the outputs.</summary>
    /// <param name="codes">Where in the stretch its codes lie.</param>
    /// <param name="scales">Where in the stretch its scales lie.</param>
    protected abstract void WriteBlock(int codes, int scales);

    /// <summary>Takes outputs that stay in registers from memory.</summary>
    protected virtual void WriteFirstOutputs()
    {
    }

    /// <summary>Puts them back.</summary>
    protected virtual void WriteLastOutputs()
    {
    }

    /// <summary>Makes a block's scales and minimums float32, for as many outputs as a register has lanes.</summary>
    /// <param name="at">Where in the stretch they lie.</param>
    /// <param name="output">The first of the group's outputs.</param>
    protected void WriteScales(int at, int output)
    {
        if (Layout.HasSharedByte)
        {
            var (low, high) = Temporaries;
            for (var s = 0; s < 2; s++)
            {
                to.LoadSignedBytes(low, Stretch, at + (16 * s) + output);
                to.ShiftRight(high, low, 4);
                WriteNibbles(Scales + s, low, output, isMinimum: false);
                WriteNibbles(Scales + 2 + s, high, output, isMinimum: true);
            }

            return;
        }

        for (var i = 0; i < Layout.Factors; i++)
        {
            var isMinimum = i >= Layout.Scales;
            var scale = Scales + (isMinimum ? 2 + i - Layout.Scales : i);
            switch (Layout.ScaleForm)
            {
                case ScaleForm.Half:
                    to.LoadHalves(scale, Stretch, at + (32 * i) + (2 * output));
                    break;
                case ScaleForm.Super:
                    to.LoadSignedBytes(scale, Stretch, at + (16 * i) + output);
                    to.ToFloats(scale, scale);
                    WriteUnitProduct(scale, output, isMinimum);
                    break;
                default:
                    to.Load(scale, Stretch, at + (64 * i) + (4 * output));
                    break;
            }
        }
    }

    private void Write()
    {
        WriteBeginning();
        to.Load(Stretch, Arguments, Argument(nameof(PackedRowsArguments.Packed)));
        to.Load(Pieces, Arguments, Argument(nameof(PackedRowsArguments.Pieces)));
        to.Zero(Column);
        var piece = to.Length;
        to.Zero(Output);
        var group = to.Length;
        WriteGroup();
        to.Subtract(Column, Arguments, Argument(nameof(PackedRowsArguments.XBytes)));
        to.Move(Stretch, Group);
        to.Add(Stretch, Arguments, Argument(nameof(PackedRowsArguments.GroupBytes)));
        to.Add(Output, Panel.GroupOutputs * sizeof(float));
        to.Compare(Output, Panel.Outputs * sizeof(float));
        to.JumpIfNotZero(group);
        to.Add(Column, Arguments, Argument(nameof(PackedRowsArguments.XBytes)));
        to.Add(Pieces, -1);
        to.JumpIfNotZero(piece);
        to.ZeroUpper();
        to.Return();
    }

    /// <summary>Goes over the blocks of a piece for 16 outputs.</summary>
    private void WriteGroup()
    {
        to.Move(Group, Stretch);
        to.Load(Blocks, Arguments, Argument(nameof(PackedRowsArguments.Blocks)));
        WriteFirstOutputs();
        if (Layout.UnitBytes > 0)
        {
            WriteUnits();
            WritePrefetches(0, Layout.UnitBytes);
            to.Add(Stretch, Layout.UnitBytes);
        }

        to.Align();
        var start = to.Length;
        List<int> ends = [];
        WritePrefetches(0, Layout.StretchScaleBytes);
        for (var block = 0; block < Layout.StretchBlocks; block++)
        {
            if (block > 0)
            {
                ends.Add(to.JumpAheadIfZero());
            }

            var codes = Layout.StretchScaleBytes + (block * Layout.CodeBytes);
            WritePrefetches(codes, Layout.CodeBytes);
            WriteBlock(codes, block * Layout.BlockScaleBytes);
            if (block == Layout.StretchBlocks - 1)
            {
                to.Add(Stretch, Layout.StretchBytes);
            }

            to.Add(Column, ActivationBlock.Bytes);
            to.Add(Blocks, -1);
        }

        to.JumpIfNotZero(start);
        ends.ForEach(to.Land);
        WriteLastOutputs();
    }

    /// <summary>Asks ahead for as much as is read.</summary>
    private void WritePrefetches(int at, int bytes)
    {
        for (var line = 0; ReadingAhead.IsFor(rows) && line < bytes; line += 64)
        {
            to.Prefetch(Stretch, ReadingAhead.Bytes + at + line);
        }
    }

    /// <summary>A scale from the low four bits of each integer.</summary>
    private void WriteNibbles(int scale, int integers, int output, bool isMinimum)
    {
        to.ShiftLeft(integers, integers, 28);
        to.ShiftRight(integers, integers, 28);
        to.ToFloats(scale, integers);
        WriteUnitProduct(scale, output, isMinimum);
    }
}
