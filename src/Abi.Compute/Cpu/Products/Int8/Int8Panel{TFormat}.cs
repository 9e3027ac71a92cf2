using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>
/// The layout that integer tiles read: 64 outputs, some blocks of 32 columns, one record a block. A record holds unsigned levels [4 groups][8][16 outputs][4 columns], then
/// scales [Scales][64 outputs] and, where the format has them, minimums [Scales][64 outputs], as float32.
/// </summary>
internal static unsafe class Int8Panel<TFormat>
    where TFormat : ILevelFormat
{
    /// <summary>The bytes of the levels of a block.</summary>
    public const int LevelBytes = Panel.Outputs * ActivationBlock.Columns;

    /// <summary>The bytes of a block.</summary>
    public static int RecordBytes => LevelBytes + (TFormat.Scales * (TFormat.HasMinimum ? 2 : 1) * Panel.Outputs * sizeof(float));

    /// <summary>Fills a panel from rows as the file has them.</summary>
    /// <param name="rows">The first row's first block.</param>
    /// <param name="rowBytes">From one row to the next.</param>
    /// <param name="count">The rows, at most 64; the outputs of the others become zero.</param>
    /// <param name="blocks">Blocks of 32 columns, whole blocks of the format.</param>
    /// <param name="panel">[blocks] records.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FillFromRows(byte* rows, long rowBytes, int count, int blocks, byte* panel)
    {
        var perBlock = TFormat.BlockLength / ActivationBlock.Columns;
        var levels = stackalloc sbyte[256];
        var scales = stackalloc float[16];
        var minimums = stackalloc float[16];
        if (count < Panel.Outputs)
        {
            new Span<byte>(panel, blocks * RecordBytes).Clear();
        }

        for (var output = 0; output < count; output++, rows += rowBytes)
        {
            var record = panel;
            for (var block = 0; block < blocks; block += perBlock)
            {
                TFormat.Split(rows + (block / perBlock * TFormat.BlockBytes), levels, scales, minimums);
                for (var part = 0; part < perBlock; part++, record += RecordBytes)
                {
                    Place(levels + (part * ActivationBlock.Columns), scales + (part * TFormat.Scales), minimums + (part * TFormat.Scales), output, record);
                }
            }
        }
    }

    /// <summary>Puts one output's block of 32 into a record.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Place(sbyte* levels, float* scales, float* minimums, int output, byte* record)
    {
        // Levels lie between −offset and 255 − offset, so that no byte carries into the next.
        var offset = TFormat.OffsetShift < 0 ? 0 : 0x01010101u << TFormat.OffsetShift;
        var to = record + (output / 16 * 512) + (output % 16 * 4);
        for (var j = 0; j < 8; j++)
        {
            var four = Unsafe.ReadUnaligned<uint>(levels + (4 * j));
            *(uint*)(to + (64 * j)) = TFormat.OffsetShift == 7 ? four ^ 0x80808080 : AddBytes(four, offset);
        }

        var toScales = (float*)(record + LevelBytes) + output;
        for (var s = 0; s < TFormat.Scales; s++)
        {
            toScales[s * Panel.Outputs] = scales[s];
            if (TFormat.HasMinimum)
            {
                toScales[(TFormat.Scales + s) * Panel.Outputs] = minimums[s];
            }
        }
    }

    /// <summary>Adds four bytes to four bytes, each modulo 256.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint AddBytes(uint a, uint b) => ((a & 0x7f7f7f7f) + (b & 0x7f7f7f7f)) ^ ((a ^ b) & 0x80808080);
}
