using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The fastest way of one row of this machine for a format, chosen once.</summary>
internal static class PackedRowChoice<TFormat>
    where TFormat : struct, ILevelFormat
{
    public static PackedRow Best { get; } = Choose();

    private static PackedRow Choose()
    {
        if (AvxVnni.IsSupported)
        {
            return new PackedRow<TFormat, AvxVnniDot, Vector256<int>, Lanes8, Vector256<float>>();
        }

        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            return new PackedRow<TFormat, Avx512Dot, Vector512<int>, Lanes16, Vector512<float>>();
        }

        return Avx2.IsSupported
            ? new PackedRow<TFormat, Avx2Dot, Vector256<int>, Lanes8, Vector256<float>>()
            : new PackedRow<TFormat, PortableDot, Vector128<int>, Lanes4, Vector128<float>>();
    }
}
