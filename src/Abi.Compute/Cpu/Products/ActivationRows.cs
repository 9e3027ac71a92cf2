using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Bfloat16;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products;

/// <summary>Rows of activations in the form that matrices ask for.</summary>
internal static unsafe class ActivationRows
{
    /// <summary>Blocks whose greatest magnitude is below this become zero: their reciprocal would overflow and their products be denormal, which is slow.</summary>
    public const float Negligible = 1f / (1 << 25) / (1 << 25) / (1 << 25) / (1 << 25);

    private const int PieceBytes = Int8Panel.MaximumBlocks * ActivationBlock.Bytes;

    /// <summary>The bytes from one prepared row to the next, a multiple of 64.</summary>
    public static int ByteLength(ActivationForm form, int columns) => form switch
    {
        ActivationForm.Int8 => Apart(checked((columns + ActivationBlock.Columns - 1) / ActivationBlock.Columns * ActivationBlock.Bytes)),
        ActivationForm.Bf16 => checked(((Bf16Elements.Pairs(columns) * sizeof(uint)) + 63) & ~63),
        ActivationForm.Bf16AsFloat32 => checked(((Bf16Elements.Pairs(columns) * 2 * sizeof(float)) + 63) & ~63),
        _ => checked(((columns * sizeof(float)) + 63) & ~63),
    };

    /// <summary>
    /// Rows that lie a power of two apart share few sets of the caches: a tile that reads 256 columns of many rows would have room for 8 of them. An odd multiple of what it reads of a row spreads
    /// them over all sets.
    /// </summary>
    private static int Apart(int bytes) => bytes >= 4096 && bytes % (2 * PieceBytes) == 0 ? checked(bytes + PieceBytes) : bytes;

    /// <summary>Prepares one row.</summary>
    /// <param name="form">The form asked for.</param>
    /// <param name="x">[columns].</param>
    /// <param name="columns">The columns; in <see cref="ActivationForm.Int8"/> the last block is filled up with zeros.</param>
    /// <param name="into">[<see cref="ByteLength"/>], aligned to 64 bytes.</param>
    public static void Prepare(ActivationForm form, float* x, int columns, byte* into)
    {
        switch (form)
        {
            case ActivationForm.Float32:
                new ReadOnlySpan<float>(x, columns).CopyTo(new Span<float>(into, columns));
                break;
            case ActivationForm.Bf16:
                ((uint*)into)[Bf16Elements.Pairs(columns) - 1] = 0;
                Bf16Elements.Round(x, columns, (ushort*)into);
                break;
            case ActivationForm.Bf16AsFloat32:
                Bf16Elements.RoundSwapped(x, columns, (float*)into);
                break;
            default:
                PrepareInt8(x, columns, into);
                break;
        }
    }

    private static void PrepareInt8(float* x, int columns, byte* into)
    {
        var block = (ActivationBlock*)into;
        var whole = columns / ActivationBlock.Columns;
        Round(x, whole, block);
        if (columns % ActivationBlock.Columns is var rest and > 0)
        {
            var last = stackalloc float[ActivationBlock.Columns];
            new Span<float>(last, ActivationBlock.Columns).Clear();
            new ReadOnlySpan<float>(x + (whole * ActivationBlock.Columns), rest).CopyTo(new Span<float>(last, rest));
            Round(last, 1, block + whole);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(float* x, int blocks, ActivationBlock* into)
    {
        for (; blocks > 0; blocks--, x += ActivationBlock.Columns, into++)
        {
            if (Vector512.IsHardwareAccelerated)
            {
                Round512(x, into);
            }
            else
            {
                Round128(x, into);
            }
        }
    }

    /// <summary>Scale and reciprocal of a block: not a number and infinity go through to the scale, and so to every output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Scale(float greatest, out float inverse)
    {
        if (greatest < Negligible)
        {
            inverse = 0;
            return 0;
        }

        inverse = 127 / greatest;
        return greatest / 127;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round512(float* x, ActivationBlock* into)
    {
        var (x0, x1) = (Vector512.Load(x), Vector512.Load(x + 16));
        var greatest = Vector512.Max(Vector512.Abs(x0), Vector512.Abs(x1));
        var half = Vector256.Max(greatest.GetLower(), greatest.GetUpper());
        into->Scale = Scale(Greatest(Vector128.Max(half.GetLower(), half.GetUpper())), out var inverse);
        // Conversion takes what is not a number to 0 on every machine. Rounding that is told how is a call.
        var i0 = Vector512.ConvertToInt32(Vector512.Round(x0 * inverse));
        var i1 = Vector512.ConvertToInt32(Vector512.Round(x1 * inverse));
        var shorts = Vector512.Narrow(i0, i1);
        Vector256.Narrow(shorts.GetLower(), shorts.GetUpper()).Store(into->Levels);
        Sums(Vector512.Sum(i0), Vector512.Sum(i1), into);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round128(float* x, ActivationBlock* into)
    {
        var greatest = Vector128<float>.Zero;
        for (var i = 0; i < ActivationBlock.Columns; i += 4)
        {
            greatest = Vector128.Max(greatest, Vector128.Abs(Vector128.Load(x + i)));
        }

        into->Scale = Scale(Greatest(greatest), out var inverse);
        var sums = stackalloc int[2];
        for (var half = 0; half < 2; half++, x += 16)
        {
            var i0 = Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x) * inverse));
            var i1 = Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x + 4) * inverse));
            var i2 = Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x + 8) * inverse));
            var i3 = Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x + 12) * inverse));
            Vector128.Narrow(Vector128.Narrow(i0, i1), Vector128.Narrow(i2, i3)).Store(into->Levels + (half * 16));
            sums[half] = Vector128.Sum(i0 + i1 + i2 + i3);
        }

        Sums(sums[0], sums[1], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Greatest(Vector128<float> v) => MathF.Max(MathF.Max(v[0], v[1]), MathF.Max(v[2], v[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums(int first, int second, ActivationBlock* into)
    {
        into->NegativeSum = -(first + second);
        into->Sum = first + second;
        into->HalfNegativeSums[0] = -first;
        into->HalfNegativeSums[1] = -second;
        into->HalfSums[0] = first;
        into->HalfSums[1] = second;
    }
}
