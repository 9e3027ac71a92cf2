using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
        var bits = Bits16(at);
        var magnitude = (bits & Vector512.Create(0x7fffu)) << 13;
        var normal = magnitude + Vector512.Create(112u << 23);
        var denormal = ((magnitude + Vector512.Create(113u << 23)).AsSingle() - Vector512.Create(113u << 23).AsSingle()).AsUInt32();
        var unbounded = normal + Vector512.Create(112u << 23);
        var value = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(1u << 23)), denormal, normal);
        value = Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create((31u << 23) - 1)), unbounded, value);
        return (value | ((bits & Vector512.Create(0x8000u)) << 16)).AsSingle();
    }

    /// <summary>Eight numbers, as <see cref="Read16"/> makes them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Read8(byte* at)
    {
        var bits = Bits8(at);
        var magnitude = (bits & Vector256.Create(0x7fffu)) << 13;
        var normal = magnitude + Vector256.Create(112u << 23);
        var denormal = ((magnitude + Vector256.Create(113u << 23)).AsSingle() - Vector256.Create(113u << 23).AsSingle()).AsUInt32();
        var unbounded = normal + Vector256.Create(112u << 23);

        // magnitudes lie below 2^28, so that signed comparisons, which AVX2 has, are the same
        var value = Vector256.ConditionalSelect(Vector256.LessThan(magnitude.AsInt32(), Vector256.Create(1 << 23)).AsUInt32(), denormal, normal);
        value = Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude.AsInt32(), Vector256.Create((31 << 23) - 1)).AsUInt32(), unbounded, value);
        return (value | ((bits & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    /// <summary>Widens sixteen numbers; where vectors of 512 bits are not the machine's, the compiler makes calls of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Widen16(byte* at, float* to)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Read16(at).Store(to);
            return;
        }

        Read8(at).Store(to);
        Read8(at + 16).Store(to + 8);
    }

    /// <summary>The bits of sixteen numbers, a lane each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Bits16(byte* at)
    {
        var halves = Vector256.Load((ushort*)at);
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512UInt32(halves);
        }

        var (low, high) = Vector256.Widen(halves);
        return Vector512.Create(low, high);
    }

    /// <summary>The bits of eight numbers, a lane each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Bits8(byte* at)
    {
        var halves = Vector128.Load((ushort*)at);
        return Avx2.IsSupported ? Avx2.ConvertToVector256Int32(halves).AsUInt32() : Vector256.Create(Vector128.WidenLower(halves), Vector128.WidenUpper(halves));
    }
}
