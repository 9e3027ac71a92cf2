using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The fastest tile and the fastest way of one row of this machine for a format, chosen once.</summary>
internal static class Int8Choice<TFormat>
    where TFormat : struct, ILevelFormat
{
    private static readonly (Int8Tile Tile, PackedRow Row) Compiled = Choose();

    public static Int8Tile Tile => Made.Emitted ?? Compiled.Tile;

    public static PackedRow Row => Compiled.Row;

    private static (Int8Tile Tile, PackedRow Row) Choose()
    {
        if (AvxVnni.IsSupported)
        {
            return Create<AvxVnniDot, Vector256<int>, Lanes8, Vector256<float>>();
        }

        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            return Create<Avx512Dot, Vector512<int>, Lanes16, Vector512<float>>();
        }

        if (Avx2.IsSupported)
        {
            return Create<Avx2Dot, Vector256<int>, Lanes8, Vector256<float>>();
        }

        if (Dp.IsSupported)
        {
            return (new ArmDotTile<TFormat>(), new PackedRow<TFormat, ArmDot, Vector128<int>, Lanes4, Vector128<float>>());
        }

        return AdvSimd.Arm64.IsSupported ? Create<ArmDot16, Vector128<int>, Lanes4, Vector128<float>>() : Create<PortableDot, Vector128<int>, Lanes4, Vector128<float>>();
    }

    private static (Int8Tile Tile, PackedRow Row) Create<TDot, TIntegers, TLanes, TFloats>()
        where TDot : struct, IInt8Dot<TIntegers>
        where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats> =>
        (new Int8Tile<TFormat, TDot, TIntegers, TLanes, TFloats>(), new PackedRow<TFormat, TDot, TIntegers, TLanes, TFloats>());

    /// <summary>Apart, so that a row alone has no tile made.</summary>
    private static class Made
    {
        public static readonly Int8Tile? Emitted = EmittedInt8Tile.TryCreate<TFormat>();
    }
}
