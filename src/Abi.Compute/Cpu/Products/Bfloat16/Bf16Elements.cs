using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Formats;
using Abi.Compute.Scalar;

namespace Abi.Compute.Cpu.Products.Bfloat16;

/// <summary>
/// Numbers rounded to bfloat16, to nearest, ties to even; those below <see cref="ScalarProducts.NegligibleBf16"/> become zero. Weights lie in panels [pairs of columns][64 outputs], an even
/// column below its odd neighbour in each 32 bits.
/// </summary>
internal static unsafe class Bf16Elements
{
    /// <summary>The columns of a step of packing.</summary>
    private const int Together = 32;

    /// <summary>The pairs of some columns; a last one alone has a zero for neighbour.</summary>
    public static int Pairs(int columns) => (columns + 1) / 2;

    /// <summary>Rounds numbers.</summary>
    /// <param name="values">[count].</param>
    /// <param name="count">The numbers.</param>
    /// <param name="rounded">Receives the bits: [count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* values, int count, ushort* rounded)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var bits = Round(Vector256.Load(values + i)) >> 16;
            Vector128.Narrow(bits.GetLower(), bits.GetUpper()).Store(rounded + i);
        }

        for (; i < count; i++)
        {
            rounded[i] = (ushort)(Round(Vector256.CreateScalar(values[i]))[0] >> 16);
        }
    }

    /// <summary>Rounds numbers and leaves them float32, of each pair the odd column first: in the order in which products are added.</summary>
    /// <param name="values">[count].</param>
    /// <param name="count">The numbers.</param>
    /// <param name="rounded">[2 × pairs].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RoundSwapped(float* values, int count, float* rounded)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256.Shuffle(Round(Vector256.Load(values + i)).AsSingle(), Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)).Store(rounded + i);
        }

        for (; i < count; i += 2)
        {
            var pair = Round(Vector256.Create(values[i], i + 1 < count ? values[i + 1] : 0, 0, 0, 0, 0, 0, 0)).AsSingle();
            (rounded[i], rounded[i + 1]) = (pair[1], pair[0]);
        }
    }

    /// <summary>Rearranges and rounds [outputs][columns] to [pairs][64][2]; the outputs and the column beyond become zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack<TFormat>(byte* rows, int outputs, int columns, byte* packed)
        where TFormat : struct, IBlockFormat
    {
        if (outputs < Panel.Outputs)
        {
            new Span<byte>(packed, checked(Pairs(columns) * Panel.Outputs * sizeof(uint))).Clear();
        }

        var values = stackalloc float[Together];
        var pairs = stackalloc uint[Together / 2];

        // some columns at a time, so that the lines written to stay in the cache until they are full
        for (var start = 0; start < columns; start += Together)
        {
            var some = Math.Min(Together, columns - start);
            var to = (uint*)packed + ((long)start / 2 * Panel.Outputs);
            for (var output = 0; output < outputs; output++)
            {
                TFormat.Decode(new ReadOnlySpan<byte>(rows + ((((long)output * columns) + start) * TFormat.BlockBytes), some * TFormat.BlockBytes), new Span<float>(values, some));
                pairs[Pairs(some) - 1] = 0;
                Round(values, some, (ushort*)pairs);
                for (var pair = 0; pair < Pairs(some); pair++)
                {
                    to[(pair * Panel.Outputs) + output] = pairs[pair];
                }
            }
        }
    }

    /// <summary>Makes packed pairs float32: [pairs][64][2] to [columns][64], of each pair the odd column first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Expand(uint* packed, int pairs, float* panel)
    {
        for (var pair = 0; pair < pairs; pair++, panel += 2 * Panel.Outputs, packed += Panel.Outputs)
        {
            for (var output = 0; output < Panel.Outputs; output += 8)
            {
                var bits = Vector256.Load(packed + output);
                (bits & Vector256.Create(0xffff0000)).AsSingle().Store(panel + output);
                (bits << 16).AsSingle().Store(panel + Panel.Outputs + output);
            }
        }
    }

    /// <summary>Rounded numbers as the float32s that they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        var rounded = bits + Vector256.Create(0x7fffu) + ((bits >> 16) & Vector256<uint>.One);
        rounded = Vector256.ConditionalSelect(Vector256.Equals(values, values).AsUInt32(), rounded, bits | Vector256.Create(0x400000u)); // what is no number stays none
        rounded &= Vector256.Create(0xffff0000);
        return Vector256.AndNot(rounded, Vector256.LessThan(Vector256.Abs(rounded.AsSingle()), Vector256.Create(ScalarProducts.NegligibleBf16)).AsUInt32());
    }
}
