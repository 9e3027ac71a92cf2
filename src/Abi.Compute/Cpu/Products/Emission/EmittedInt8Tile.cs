using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>The tile as machine code of our own making, believed only after it has equalled the definition bit for bit on random panels.</summary>
internal sealed unsafe class EmittedInt8Tile : Int8Tile
{
    private const int MostCheckedBlocks = 3;

    private readonly delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void> _one;
    private readonly delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void> _two;
    private readonly delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void> _three;

    private EmittedInt8Tile(nint[] functions)
    {
        _one = (delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void>)functions[0];
        _two = (delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void>)functions[1];
        _three = (delegate* unmanaged[SuppressGCTransition]<Int8TileArguments*, void>)functions[2];
    }

    public override string Path => Emitter.Path!;

    /// <summary>Makes the tile of a format, or null where code cannot be made or does not do what it should.</summary>
    public static EmittedInt8Tile? TryCreate<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        // .NET's own tile of 256-bit VNNI is as fast, but a program that was compiled ahead of time for less has none
        return Emitter.Path is null || (Emitter.HasVnni256 && AvxVnni.IsSupported) ? null : TryCreate<TFormat>(Emitter.CreateAssembler());
    }

    /// <summary>Makes the tile of a format with an assembler, whose vectors are there.</summary>
    internal static EmittedInt8Tile? TryCreate<TFormat>(Assembler to)
        where TFormat : struct, ILevelFormat
    {
        var (code, starts, mostLevel) = Write<TFormat>(to);
        return Emitter.Keep("int8_tile", TFormat.Type, code, starts, static functions => new EmittedInt8Tile(functions), tile => IsRight<TFormat>(tile, mostLevel));
    }

    /// <summary>Writes the functions for one, two and three rows, and says which levels they are for.</summary>
    /// <param name="to">Where to: with VNNI, or narrow in AVX2.</param>
    internal static (byte[] Code, int[] Starts, int MostLevel) Write<TFormat>(Assembler to)
        where TFormat : struct, ILevelFormat
    {
        var shape = Int8TileShape.Of<TFormat>();
        if (to.HasDots)
        {
            var dots = to.ForRows(3, rows => Int8TileVnniProgram.Write(to, shape, rows));
            return (to.ToArray(), dots, 127);
        }

        var constants = Int8Tile256Program.WriteConstants(to, TFormat.OffsetShift);
        var starts = to.ForRows(3, rows => Int8Tile256Program.Write(to, constants, shape, rows));
        return (to.ToArray(), starts, shape.GreatestLevel);
    }

    public override void One(Int8TileArguments* arguments) => _one(arguments);

    public override void Two(Int8TileArguments* arguments) => _two(arguments);

    public override void Three(Int8TileArguments* arguments) => _three(arguments);

    /// <summary>Compares a tile with the definition on random panels of several lengths.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="mostLevel">The greatest level of the panels; formats that use all 8 bits have any.</param>
    internal static bool IsRight<TFormat>(Int8Tile tile, int mostLevel = 127)
        where TFormat : struct, ILevelFormat
    {
        var reference = new Int8TileReference<TFormat>();
        var random = new Random(17);
        using var panel = new NativeBuffer(MostCheckedBlocks * Int8Panel<TFormat>.RecordBytes);
        using var x = new NativeBuffer(3 * MostCheckedBlocks * ActivationBlock.Bytes);
        using var y = new NativeBuffer(3 * Panel.Outputs * sizeof(float));
        using var expected = new NativeBuffer(3 * Panel.Outputs * sizeof(float));
        for (var turn = 0; turn < 2 * MostCheckedBlocks; turn++)
        {
            var (blocks, isExtreme) = (1 + (turn % MostCheckedBlocks), turn >= MostCheckedBlocks);
            FillPanel<TFormat>(random, (byte*)panel.Address, blocks, (byte)mostLevel, isExtreme);
            FillRows(random, (ActivationBlock*)x.Address, 3 * MostCheckedBlocks, isExtreme);
            var arguments = new Int8TileArguments { Panel = (byte*)panel.Address, Blocks = blocks };
            for (var rows = 1; rows <= 3; rows++)
            {
                for (var accumulate = 0; accumulate < 2; accumulate++)
                {
                    arguments.Accumulate = accumulate;
                    Run(tile, arguments, rows, x, y);
                    Run(reference, arguments, rows, x, expected);
                    if (!new Span<byte>((void*)y.Address, (int)y.Length).SequenceEqual(new Span<byte>((void*)expected.Address, (int)expected.Length)))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    /// <summary>Computes some rows, from outputs that are always the same.</summary>
    private static void Run(Int8Tile tile, Int8TileArguments arguments, int rows, NativeBuffer x, NativeBuffer y)
    {
        var outputs = (float*)y.Address;
        for (var i = 0; i < 3 * Panel.Outputs; i++)
        {
            outputs[i] = (i * 0.37f) - 20;
        }

        for (var row = 0; row < 3; row++)
        {
            (&arguments.X0)[row] = (ActivationBlock*)x.Address + (row * MostCheckedBlocks);
            (&arguments.Y0)[row] = outputs + (row * Panel.Outputs);
        }

        switch (rows)
        {
            case 1:
                tile.One(&arguments);
                break;
            case 2:
                tile.Two(&arguments);
                break;
            default:
                tile.Three(&arguments);
                break;
        }
    }

    /// <summary>Random levels and scales; or the greatest levels and the least, whose sums must not overflow on the way.</summary>
    private static void FillPanel<TFormat>(Random random, byte* panel, int blocks, byte mostLevel, bool isExtreme)
        where TFormat : struct, ILevelFormat
    {
        for (var block = 0; block < blocks; block++, panel += Int8Panel<TFormat>.RecordBytes)
        {
            random.NextBytes(new Span<byte>(panel, Int8Panel<TFormat>.LevelBytes));
            if (isExtreme)
            {
                new Span<byte>(panel, Int8Panel<TFormat>.LevelBytes).Fill((byte)(block % 2 * (TFormat.OffsetShift != 7 ? mostLevel : 255)));
            }

            if (TFormat.OffsetShift != 7)
            {
                // Only formats that use all 8 bits have levels above 127.
                foreach (ref var level in new Span<byte>(panel, Int8Panel<TFormat>.LevelBytes))
                {
                    level %= (byte)(mostLevel + 1);
                }
            }

            foreach (ref var scale in MemoryMarshal.Cast<byte, float>(new Span<byte>(panel + Int8Panel<TFormat>.LevelBytes, Int8Panel<TFormat>.RecordBytes - Int8Panel<TFormat>.LevelBytes)))
            {
                scale = (random.NextSingle() * 2) - 1;
            }
        }
    }

    /// <summary>Random activations between −1 and 1; or all of a block the same, so that they round to the greatest there is.</summary>
    internal static void FillRows(Random random, ActivationBlock* x, int blocks, bool isExtreme)
    {
        var values = stackalloc float[ActivationBlock.Columns];
        for (var block = 0; block < blocks; block++)
        {
            for (var i = 0; i < ActivationBlock.Columns; i++)
            {
                values[i] = isExtreme ? 0.5f - (block % 2) : (random.NextSingle() * 2) - 1;
            }

            ActivationRows.Prepare(ActivationForm.Int8, values, ActivationBlock.Columns, (byte*)(x + block));
        }
    }
}
