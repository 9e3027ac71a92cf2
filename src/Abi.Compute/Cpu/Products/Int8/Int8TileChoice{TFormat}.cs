using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The fastest tile of this machine for a format, chosen once.</summary>
internal static class Int8TileChoice<TFormat>
    where TFormat : struct, ILevelFormat
{
    public static Int8Tile Best { get; } = Choose();

    private static Int8Tile Choose()
    {
        if (EmittedInt8Tile.TryCreate<TFormat>() is { } emitted)
        {
            return emitted;
        }

        if (AvxVnni.IsSupported)
        {
            return new Int8Tile<TFormat, AvxVnniDot, Vector256<int>, Lanes8, Vector256<float>>();
        }

        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            return new Int8Tile<TFormat, Avx512Dot, Vector512<int>, Lanes16, Vector512<float>>();
        }

        return Avx2.IsSupported
            ? new Int8Tile<TFormat, Avx2Dot, Vector256<int>, Lanes8, Vector256<float>>()
            : new Int8Tile<TFormat, PortableDot, Vector128<int>, Lanes4, Vector128<float>>();
    }
}
