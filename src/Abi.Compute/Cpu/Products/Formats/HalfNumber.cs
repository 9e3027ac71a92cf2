using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Half-precision fields of blocks.</summary>
internal static unsafe class HalfNumber
{
    /// <summary>The number at an address of any alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* at) => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(at));

    /// <summary>The bits at an address of any alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Bits(byte* at) => Unsafe.ReadUnaligned<ushort>(at);

    /// <summary>Sixteen numbers. Denormal ones come by addition, since arithmetic on denormal floats is slow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Read16(byte* at)
    {
        var (low, high) = Vector256.Widen(Vector256.Load((ushort*)at));
        var bits = Vector512.Create(low, high);
        var magnitude = (bits & Vector512.Create(0x7fffu)) << 13;
        var normal = magnitude + Vector512.Create(112u << 23);
        var denormal = ((magnitude + Vector512.Create(113u << 23)).AsSingle() - Vector512.Create(113u << 23).AsSingle()).AsUInt32();
        var unbounded = normal + Vector512.Create(112u << 23);
        var value = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(1u << 23)), denormal, normal);
        value = Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create((31u << 23) - 1)), unbounded, value);
        return (value | ((bits & Vector512.Create(0x8000u)) << 16)).AsSingle();
    }
}
