using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Sixteen lanes, for machines that have such registers; elsewhere .NET takes their place, but not that of <see cref="LookUp"/>.</summary>
internal readonly unsafe struct Lanes16 : IBlockLanes<Vector512<float>>, IIntegerLanes<Vector512<int>, Vector512<float>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* from) => Vector512.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadHalves(Half* from) => HalfLanes.Load16(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> lanes, float* to) => lanes.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Lanes.Fma(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> CreateIntegers(int value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LoadBytes(byte* from) => Vector512.Load((int*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LoadSigned(byte* from) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)from))
        : Vector512.WidenLower(Vector256.WidenLower(Vector128.Load((sbyte*)from).ToVector256Unsafe()).ToVector512Unsafe());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector512<int> lanes, byte* to) => lanes.Store((int*)to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> And(Vector512<int> a, Vector512<int> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Or(Vector512<int> a, Vector512<int> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Max(Vector512<int> a, Vector512<int> b) => Vector512.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Shift(Vector512<int> lanes, int count) => count >= 0 ? lanes << count : lanes >>> -count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LookUp(Vector512<int> table, Vector512<int> bytes) => Avx512BW.Shuffle(table.AsByte(), bytes.AsByte()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToFloats(Vector512<int> integers) => Vector512.ConvertToSingle(integers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Signed(byte* levels) => Vector512.ConvertToSingle(LoadSigned(levels));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Low(byte* levels) => Vector512.ConvertToSingle((Bytes(levels) & Vector512.Create(15)) - Vector512.Create(8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> High(byte* levels) => Vector512.ConvertToSingle((Bytes(levels) >> 4) - Vector512.Create(8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Bytes(byte* levels)
    {
        var bytes = Vector128.Load(levels);
        return Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(bytes) : Vector512.WidenLower(Vector256.WidenLower(bytes.ToVector256Unsafe()).ToVector512Unsafe()).AsInt32();
    }
}
