using Iced.Intel;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>
/// What vector instructions do with each 32 bits of their operands, after the pseudo code of the Intel SDM, volume 2. Floats follow the default MXCSR: to nearest, ties to even, denormals kept;
/// which quiet number comes of one that is none is left open.
/// </summary>
internal static class LaneSemantics
{
    /// <summary>One lane: what stood in the destination, the sources in the order of the instruction, its immediate byte.</summary>
    public delegate uint Lane(uint destination, uint a, uint b, byte immediate);

    /// <summary>By mnemonic; what is not here is refused.</summary>
    public static IReadOnlyDictionary<Mnemonic, Lane> Table { get; } = new Dictionary<Mnemonic, Lane>
    {
        [Mnemonic.Vmovups] = (_, a, _, _) => a,
        [Mnemonic.Vmovdqa] = (_, a, _, _) => a,
        [Mnemonic.Vmovdqa64] = (_, a, _, _) => a,
        [Mnemonic.Vpxor] = (_, a, b, _) => a ^ b,
        [Mnemonic.Vpxord] = (_, a, b, _) => a ^ b,
        [Mnemonic.Vpand] = (_, a, b, _) => a & b,
        [Mnemonic.Vpandd] = (_, a, b, _) => a & b,
        [Mnemonic.Vpor] = (_, a, b, _) => a | b,
        [Mnemonic.Vpord] = (_, a, b, _) => a | b,
        [Mnemonic.Vpternlogd] = Ternary,
        [Mnemonic.Vpaddd] = (_, a, b, _) => a + b,
        [Mnemonic.Vpaddw] = (_, a, b, _) => Words(Word(a, 0) + Word(b, 0), Word(a, 1) + Word(b, 1)),
        [Mnemonic.Vpsubw] = (_, a, b, _) => Words(Word(a, 0) - Word(b, 0), Word(a, 1) - Word(b, 1)),
        [Mnemonic.Vpslld] = (_, a, _, count) => count > 31 ? 0 : a << count,
        [Mnemonic.Vpsrld] = (_, a, _, count) => count > 31 ? 0 : a >> count,
        [Mnemonic.Vpsllw] = (_, a, _, count) => count > 15 ? 0 : Words((int)((a & 0xffff) << count), (int)((a >> 16) << count)),
        [Mnemonic.Vpsrlw] = (_, a, _, count) => count > 15 ? 0 : Words((int)((a & 0xffff) >> count), (int)((a >> 16) >> count)),
        [Mnemonic.Vpabsb] = (_, a, _, _) => Bytes(a, a, (value, _) => Math.Abs(value)),
        [Mnemonic.Vpsignb] = (_, a, b, _) => Bytes(a, b, (value, sign) => value * Math.Sign(sign)),
        [Mnemonic.Vpmaddubsw] = (_, a, b, _) => Words(Saturate(Pair(a, b, 0)), Saturate(Pair(a, b, 2))),
        [Mnemonic.Vpmaddwd] = (_, a, b, _) => unchecked((uint)((Word(a, 0) * Word(b, 0)) + (Word(a, 1) * Word(b, 1)))),
        [Mnemonic.Vpdpbusd] = (sum, a, b, _) => unchecked((uint)((int)sum + Pair(a, b, 0) + Pair(a, b, 2))),
        [Mnemonic.Vcvtdq2ps] = (_, a, _, _) => Bits((int)a),
        [Mnemonic.Vmulps] = (_, a, b, _) => Bits(Float(a) * Float(b)),
        [Mnemonic.Vfmadd231ps] = (sum, a, b, _) => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(sum))),
        [Mnemonic.Vdpbf16ps] = (sum, a, b, _) => FlushedMultiplyAdd(a << 16, b << 16, FlushedMultiplyAdd(a & 0xffff0000, b & 0xffff0000, sum)),
        [Mnemonic.Vfmadd213ps] = (factor, a, b, _) => Bits(MathF.FusedMultiplyAdd(Float(factor), Float(a), Float(b))),
    };

    /// <summary>
    /// a × b + sum as vdpbf16ps has it, whatever MXCSR says: what is denormal is zero, before and after. A result is denormal if it would be with an exponent of any size: where rounding to the
    /// denormals' own spacing makes the least normal number of it, a result of a larger exponent tells.
    /// </summary>
    private static uint FlushedMultiplyAdd(uint a, uint b, uint sum)
    {
        const float scale = 1 << 30;
        var (x, y, z) = (Flushed(a), Flushed(b), Flushed(sum));
        var result = Bits(MathF.FusedMultiplyAdd(x, y, z));
        var isTiny = (result & 0x7fffffff) <= 0x00800000 && MathF.Abs(MathF.FusedMultiplyAdd(MathF.Abs(x) < 1 ? x * scale : x, MathF.Abs(x) < 1 ? y : y * scale, z * scale)) < Float(0x00800000) * scale;
        return isTiny ? result & 0x80000000 : result;
    }

    private static float Flushed(uint bits) => (bits & 0x7f800000) == 0 ? Float(bits & 0x80000000) : Float(bits);

    /// <summary>For every bit, the bit of the immediate that the three operands name.</summary>
    private static uint Ternary(uint destination, uint a, uint b, byte immediate)
    {
        uint result = 0;
        for (var bit = 0; bit < 32; bit++)
        {
            var index = (((destination >> bit) & 1) << 2) | (((a >> bit) & 1) << 1) | ((b >> bit) & 1);
            result |= ((uint)immediate >> (int)index & 1) << bit;
        }

        return result;
    }

    /// <summary>Two products of unsigned bytes of <paramref name="a"/> with signed bytes of <paramref name="b"/>, added.</summary>
    private static int Pair(uint a, uint b, int first) => (Unsigned(a, first) * Signed(b, first)) + (Unsigned(a, first + 1) * Signed(b, first + 1));

    private static int Unsigned(uint value, int index) => (byte)(value >> (8 * index));

    private static int Signed(uint value, int index) => (sbyte)(value >> (8 * index));

    private static int Word(uint value, int index) => (short)(value >> (16 * index));

    private static int Saturate(int value) => Math.Clamp(value, short.MinValue, short.MaxValue);

    private static uint Words(int low, int high) => ((uint)low & 0xffff) | ((uint)high << 16);

    private static uint Bytes(uint a, uint b, Func<int, int, int> each)
    {
        uint result = 0;
        for (var i = 0; i < 4; i++)
        {
            result |= (uint)(byte)each(Signed(a, i), Signed(b, i)) << (8 * i);
        }

        return result;
    }

    private static float Float(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
