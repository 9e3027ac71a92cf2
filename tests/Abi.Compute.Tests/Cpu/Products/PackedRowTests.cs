using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Memory;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>One row against a packed panel equals the definition bit for bit, for every format and every width that this machine has.</summary>
[Parallelizable]
public sealed unsafe class PackedRowTests
{
    private static IEnumerable<Type> Formats => typeof(ILevelFormat).Assembly.GetTypes().Where(type => type.IsValueType && type.IsAssignableTo(typeof(ILevelFormat)));

    [Test]
    public void RowsEqualTheDefinition([ValueSource(nameof(Formats))] Type format)
    {
        var method = typeof(PackedRowTests).GetMethod(nameof(Check), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(format);
        method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, null, null);
    }

    private static void Check<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        // the last with the greatest codes and activations
        foreach (var (blocks, isExtreme) in new[] { (1, false), (Int8Panel.MaximumBlocks, false), ((2 * Int8Panel.MaximumBlocks) + 3, false), (Int8Panel.MaximumBlocks + 2, true) })
        {
            CheckRow<TFormat>(new PackedRow<TFormat, PortableDot, Vector128<int>, Lanes4, Vector128<float>>(), blocks, isExtreme);
            if (AdvSimd.Arm64.IsSupported)
            {
                CheckRow<TFormat>(new PackedRow<TFormat, ArmDot16, Vector128<int>, Lanes4, Vector128<float>>(), blocks, isExtreme);
            }

            if (Dp.IsSupported)
            {
                CheckRow<TFormat>(new PackedRow<TFormat, ArmDot, Vector128<int>, Lanes4, Vector128<float>>(), blocks, isExtreme);
            }

            if (Avx2.IsSupported)
            {
                CheckRow<TFormat>(new PackedRow<TFormat, Avx2Dot, Vector256<int>, Lanes8, Vector256<float>>(), blocks, isExtreme);
            }

            if (AvxVnni.IsSupported)
            {
                CheckRow<TFormat>(new PackedRow<TFormat, AvxVnniDot, Vector256<int>, Lanes8, Vector256<float>>(), blocks, isExtreme);
            }

            if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
            {
                CheckRow<TFormat>(new PackedRow<TFormat, Avx512Dot, Vector512<int>, Lanes16, Vector512<float>>(), blocks, isExtreme);
            }
        }
    }

    private static void CheckRow<TFormat>(PackedRow row, int blocks, bool isExtreme)
        where TFormat : struct, ILevelFormat
    {
        var layout = PackedPanel<TFormat>.Layout;
        var random = new Random(blocks);
        using var packed = new NativeBuffer(layout.PanelBytes(blocks));
        using var x = new NativeBuffer(blocks * ActivationBlock.Bytes);
        using var panel = new NativeBuffer(Int8Panel.MaximumBlocks * Int8Panel<TFormat>.RecordBytes);
        var (actual, expected) = (new float[Panel.Outputs], new float[Panel.Outputs]);
        Array.Fill(actual, float.NaN); // what was there before does not count
        EmittedInt8Tile.FillRows(random, (ActivationBlock*)x.Address, blocks, isExtreme);
        fixed (float* to = expected)
        {
            for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
            {
                var some = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
                var piece = (byte*)packed.Address + layout.PieceOffset(block);
                PackedRows<TFormat>.FillPiece(random, piece, some, isExtreme);
                PackedPanel<TFormat>.Unpack(piece, some, (byte*)panel.Address);
                var tile = new Int8TileArguments { Panel = (byte*)panel.Address, Blocks = some, X0 = (ActivationBlock*)x.Address + block, Y0 = to, Accumulate = block };
                new Int8TileReference<TFormat>().One(&tile);
            }
        }

        fixed (float* to = actual)
        {
            row.Multiply((byte*)packed.Address, blocks, (ActivationBlock*)x.Address, to);
        }

        Assert.That(Bits(actual), Is.EqualTo(Bits(expected)), $"{TFormat.Type}, {row.Path}, {blocks} blocks");
    }

    private static uint[] Bits(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, uint>(values).ToArray();
}
