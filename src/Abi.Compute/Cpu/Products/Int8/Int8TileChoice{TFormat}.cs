using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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
            return new Int8Tile256<TFormat, AvxVnniDot>();
        }

        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            return new Int8Tile512<TFormat, Avx512Dot>();
        }

        return Avx2.IsSupported ? new Int8Tile256<TFormat, Avx2Dot>() : new Int8Tile128<TFormat, PortableDot>();
    }
}
