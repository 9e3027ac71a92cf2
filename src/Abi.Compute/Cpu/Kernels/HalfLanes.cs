using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Half precision, converted by integer arithmetic: .NET has no vector conversions of its own. Equal to the conversions of <see cref="Half"/> for all numbers.</summary>
internal static unsafe class HalfLanes
{
    /// <summary>Widens 16 halves that are finite; an infinite one or what is no number becomes some number from 65,536 on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFinite(Half* from)
    {
        // sign in place, exponent and fraction shifted to a float's; 2¹¹² makes good the bias, exactly also below the normal range
        var bits = Vector512.WidenLower(Vector256.Load((short*)from).ToVector512Unsafe()) << 13;
        return (bits & Vector512.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector512.Create(5.192296858534828e33f);
    }

    /// <summary>Widens 16 halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(Half* from)
    {
        var value = LoadFinite(from);
        var isSpecial = Vector512.GreaterThanOrEqual(Vector512.Abs(value), Vector512.Create(65536f)).AsInt32();
        return (value.AsInt32() | (isSpecial & Vector512.Create(0x7F800000))).AsSingle();
    }

    /// <summary>Not zero where any of 32 halves is infinite or no number: bit 15 of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Special(Half* from) =>
        (Vector512.Load((ushort*)from) & Vector512.Create((ushort)0x7FFF)) + Vector512.Create((ushort)0x0400);

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
