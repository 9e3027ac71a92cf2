using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Half precision, converted by integer arithmetic: .NET has no vector conversions of its own. Equal to the conversions of <see cref="Half"/> for all numbers.</summary>
/// <remarks>
/// Widening moves exponent and fraction to a float's places and adds what the bias of exponents differs by. Below the normal range that gives 2⁻¹⁵ + x / 2 for x, from which twice as much less 2⁻¹⁴
/// is x; from 2⁻¹⁴ on the first is the lesser. A multiplication by 2¹¹² would be shorter, but has factors below the normal range of floats, which are slow on some processors.
/// </remarks>
internal static unsafe class HalfLanes
{
    private const int Magnitude = 0x0FFFE000; // of a half widened with its sign and shifted
    private const int Bias = (127 - 15) << 23;
    private const short GreatestFinite = 0x7BFF;
    private const int Unbounded = 0x7F800000; // the exponent of a float that is infinite or no number
    private const float LeastNormal = 1f / (1 << 14);
    private const float BeyondGreatest = 1 << 16;

    /// <summary>Widens 16 halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(Half* from)
    {
        var value = LoadFinite16(from);
        var isUnbounded = Vector512.GreaterThanOrEqual(Vector512.Abs(value), Vector512.Create(BeyondGreatest)).AsInt32();
        return (value.AsInt32() | (isUnbounded & Vector512.Create(Unbounded))).AsSingle();
    }

    /// <summary>Widens 8 halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(Half* from) => Widen8(Vector128.Load((short*)from));

    /// <summary>Widens 4 halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(Half* from)
    {
        var bits = Vector128.WidenLower(Vector64.Load((short*)from).ToVector128Unsafe()) << 13;
        var normal = ((bits & Vector128.Create(Magnitude)) + Vector128.Create(Bias)).AsSingle();
        var value = Vector128.MinNative(normal, Vector128.FusedMultiplyAdd(normal, Vector128.Create(2f), Vector128.Create(-LeastNormal)));
        var isUnbounded = Vector128.GreaterThanOrEqual(value, Vector128.Create(BeyondGreatest)).AsInt32();
        return (value.AsInt32() | (isUnbounded & Vector128.Create(Unbounded)) | (bits & Vector128.Create(int.MinValue))).AsSingle();
    }

    /// <summary>Widens 16 halves in registers that the machine has: what those of 512 bits become elsewhere is calls.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Widen16(Half* from, float* to)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Load16(from).Store(to);
            return;
        }

        Load8(from).Store(to);
        Load8(from + 8).Store(to + 8);
    }

    /// <summary>Widens many halves; they are taken for finite, and all done again where one was not.</summary>
    /// <param name="from">[count].</param>
    /// <param name="to">[count].</param>
    /// <param name="count">A multiple of 32.</param>
    /// <param name="ahead">How many bytes ahead of reading memory is asked for.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(Half* from, float* to, int count, nint ahead = 0)
    {
        var greatest = Vector256<short>.Zero;
        for (var i = 0; i < count; i += 32)
        {
            if (Sse.IsSupported && ahead != 0)
            {
                Sse.Prefetch0((byte*)(from + i) + ahead);
            }

            for (var j = i; j < i + 32; j += 16)
            {
                greatest = Vector256.Max(greatest, Vector256.Load((short*)from + j) & Vector256.Create(short.MaxValue));
                if (Vector512.IsHardwareAccelerated)
                {
                    LoadFinite16(from + j).Store(to + j);
                }
                else
                {
                    WidenFinite8(Vector128.Load((short*)from + j)).Store(to + j);
                    WidenFinite8(Vector128.Load((short*)from + j + 8)).Store(to + j + 8);
                }
            }
        }

        for (var i = 0; i < count && Vector256.GreaterThanAny(greatest, Vector256.Create(GreatestFinite)); i += 16)
        {
            Widen16(from + i, to + i);
        }
    }

    /// <summary>Widens 16 halves that are finite; an infinite one or what is no number becomes some number from 65,536 on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LoadFinite16(Half* from)
    {
        var bits = Vector512.WidenLower(Vector256.Load((short*)from).ToVector512Unsafe()) << 13;
        var normal = ((bits & Vector512.Create(Magnitude)) + Vector512.Create(Bias)).AsSingle();
        var value = Vector512.MinNative(normal, Vector512.FusedMultiplyAdd(normal, Vector512.Create(2f), Vector512.Create(-LeastNormal)));
        return (value.AsInt32() | (bits & Vector512.Create(int.MinValue))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen8(Vector128<short> halves)
    {
        var value = WidenFinite8(halves);
        var isUnbounded = Vector256.GreaterThanOrEqual(Vector256.Abs(value), Vector256.Create(BeyondGreatest)).AsInt32();
        return (value.AsInt32() | (isUnbounded & Vector256.Create(Unbounded))).AsSingle();
    }

    /// <summary>Widens 8 halves that are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> WidenFinite8(Vector128<short> halves)
    {
        var bits = Vector256.WidenLower(halves.ToVector256Unsafe()) << 13;
        var normal = ((bits & Vector256.Create(Magnitude)) + Vector256.Create(Bias)).AsSingle();
        var value = Vector256.MinNative(normal, Vector256.FusedMultiplyAdd(normal, Vector256.Create(2f), Vector256.Create(-LeastNormal)));
        return (value.AsInt32() | (bits & Vector256.Create(int.MinValue))).AsSingle();
    }

    /// <summary>Rounds 16 floats to the nearest half, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> lanes, Half* to) => Round(lanes).Store((ushort*)to);

    /// <summary>The bits of the nearest halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Round(Vector512<float> lanes)
    {
        var bits = lanes.AsUInt32();
        var sign = (bits >> 16) & Vector512.Create(0x8000u);
        var magnitude = bits & Vector512.Create(0x7FFFFFFFu);

        // normal halves: the exponent rebased, half of the last place added, ties to even
        var normal = (magnitude + Vector512.Create(unchecked((uint)((15 - 127) << 23) + 0xFFFu)) + ((magnitude >> 13) & Vector512<uint>.One)) >> 13;

        // halves below the normal range: adding ½ lines the last place up with theirs
        var tiny = (magnitude.AsSingle() + Vector512.Create(0.5f)).AsUInt32() - Vector512.Create(0x3F000000u);
        var rounded = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(0x38800000u)), tiny, normal);
        var special = Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create(0x7F800000u)), Vector512.Create(0x7E00u), Vector512.Create(0x7C00u));
        rounded = Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create(0x477FFFFFu)), special, rounded);
        return Vector512.Narrow(rounded | sign, Vector512<uint>.Zero).GetLower();
    }
}
