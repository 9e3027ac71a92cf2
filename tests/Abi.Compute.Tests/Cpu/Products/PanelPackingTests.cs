using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>A packed panel unpacks to what rows are split to without packing, bit for bit.</summary>
[Parallelizable]
public sealed unsafe class PanelPackingTests
{
    [Test]
    public void PackingLosesNothing()
    {
        Check<Q4_0Levels>();
        Check<Q4_1Levels>();
        Check<Q5_0Levels>();
        Check<Q5_1Levels>();
        Check<Q8_0Levels>();
        Check<Q8_1Levels>();
        Check<Q2_KLevels>();
        Check<Q3_KLevels>();
        Check<Q4_KLevels>();
        Check<Q5_KLevels>();
        Check<Q6_KLevels>();
        Check<Q8_KLevels>();
        Check<IQ1_SLevels>();
        Check<IQ1_MLevels>();
        Check<IQ2_XXSLevels>();
        Check<IQ2_XSLevels>();
        Check<IQ2_SLevels>();
        Check<IQ3_XXSLevels>();
        Check<IQ3_SLevels>();
        Check<IQ4_NLLevels>();
        Check<IQ4_XSLevels>();
        Check<TQ1_0Levels>();
        Check<TQ2_0Levels>();
        Check<MXFP4Levels>();
        Check<NVFP4Levels>();
        Check<Q1_0Levels>();
        Check<Q2_0Levels>();
    }

    private static void Check<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        // whole panels and the narrow ones at a matrix' end; whole pieces and a shorter last one
        foreach (var count in new[] { 64, 63, 17, 16, 1 })
        {
            foreach (var columns in new[] { 256, 512, TFormat.BlockLength, 512 + TFormat.BlockLength })
            {
                Check<TFormat>(count, columns);
            }
        }
    }

    private static void Check<TFormat>(int count, int columns)
        where TFormat : struct, ILevelFormat
    {
        using var product = new ProductCase(TFormat.Type, columns, count, 1, seed: count + columns);
        var rows = product.Weight.Address;
        var blocks = columns / ActivationBlock.Columns;
        using var packed = new NativeBuffer(PackedPanel<TFormat>.Layout.PanelBytes(blocks) + ReadingAhead.Bytes);
        var bytes = Int8Panel.MaximumBlocks * Int8Panel<TFormat>.RecordBytes;
        using var unpacked = new NativeBuffer(bytes);
        using var split = new NativeBuffer(bytes);
        PanelPacking<TFormat>.Pack(rows, product.Weight.RowByteLength, count, blocks, (byte*)packed.Address);
        for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
        {
            var some = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
            PackedPanel<TFormat>.Unpack((byte*)packed.Address + PackedPanel<TFormat>.Layout.PieceOffset(block), some, (byte*)unpacked.Address);
            Int8Panel<TFormat>.FillFromRows(rows + (block * ActivationBlock.Columns / TFormat.BlockLength * TFormat.BlockBytes), product.Weight.RowByteLength, count, some, (byte*)split.Address);
            for (var record = 0; record < some; record++)
            {
                var ours = (byte*)unpacked.Address + (record * Int8Panel<TFormat>.RecordBytes);
                var plain = (byte*)split.Address + (record * Int8Panel<TFormat>.RecordBytes);
                for (var output = 0; output < count; output++)
                {
                    Assert.That(Of<TFormat>(ours, output), Is.EqualTo(Of<TFormat>(plain, output)), $"{TFormat.Type}, {count} × {columns}, block {block + record}, output {output}");
                }
            }
        }
    }

    /// <summary>What a record has of an output: its levels and the bits of its scales and minimums.</summary>
    private static uint[] Of<TFormat>(byte* record, int output)
        where TFormat : struct, ILevelFormat
    {
        List<uint> words = [];
        for (var j = 0; j < 8; j++)
        {
            words.Add(*(uint*)(record + (output / 16 * 512) + (64 * j) + (output % 16 * 4)));
        }

        for (var s = 0; s < TFormat.Scales * (TFormat.HasMinimum ? 2 : 1); s++)
        {
            words.Add(*(uint*)(record + Int8Panel<TFormat>.LevelBytes + (((s * Panel.Outputs) + output) * sizeof(float))));
        }

        return [.. words];
    }
}
