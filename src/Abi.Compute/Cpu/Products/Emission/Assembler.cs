using System.Buffers.Binary;
using System.Diagnostics;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// The few instructions that kernels need, as bytes: 512-bit vector instructions in EVEX form (Intel SDM volume 2, section 2.7) over zmm0 to zmm31, and 64-bit moves, sums and
/// jumps. Memory operands are a base register, perhaps an index register, and a displacement of 32 bits.
/// </summary>
/// <param name="narrow">
/// Whether vectors are 256 bits, for machines without AVX-512: the same opcodes in VEX form (section 2.3) over ymm0 to ymm15, without broadcasts as part of another instruction.
/// </param>
/// <param name="vnni">Whether such machines have AVX-VNNI, so that <see cref="DotBytes(int, int, int)"/> may be used.</param>
internal sealed class Assembler(bool narrow = false, bool vnni = false)
{
    private const int Map0F = 1;
    private const int Map0F38 = 2;
    private const int Map0F3A = 3;
    private const int None = 0;
    private const int P66 = 1;
    private const int PF3 = 2;
    private const int Width512 = 2;

    private readonly List<byte> _code = [];

    /// <summary>The bytes so far.</summary>
    public int Length => _code.Count;

    /// <summary>Whether vectors are 256 bits.</summary>
    public bool IsNarrow => narrow;

    /// <summary>Whether products of four bytes may be used.</summary>
    public bool HasDots => !narrow || vnni;

    /// <summary>The floats of a vector.</summary>
    public int Lanes => narrow ? 8 : 16;

    public byte[] ToArray() => [.. _code];

    /// <summary>Has a function written for each number of rows, each at the beginning of a cache line, and says where they are.</summary>
    /// <param name="mostRows">The most rows.</param>
    /// <param name="write">Writes the function for so many, from 1 on.</param>
    public int[] ForRows(int mostRows, Action<int> write)
    {
        var starts = new int[mostRows];
        for (var rows = 1; rows <= mostRows; rows++)
        {
            Align();
            starts[rows - 1] = Length;
            write(rows);
        }

        return starts;
    }

    /// <summary>zmm = [memory].</summary>
    public void Load(int zmm, Register at, int offset, Register? index = null) => Memory(Map0F, None, 0, 0x10, zmm, 0, at, offset, index: index);

    /// <summary>[memory] = zmm.</summary>
    public void Store(Register at, int offset, int zmm, Register? index = null) => Memory(Map0F, None, 0, 0x11, zmm, 0, at, offset, index: index);

    /// <summary>[memory] = the low 128 bits; narrow.</summary>
    public void StoreLow(Register at, int offset, int xmm) => Memory(Map0F, None, 0, 0x11, xmm, 0, at, offset, isLow: true);

    /// <summary>The low 128 bits = [memory]; narrow.</summary>
    public void LoadLow(int xmm, Register at, int offset) => Memory(Map0F, None, 0, 0x10, xmm, 0, at, offset, isLow: true);

    /// <summary>zmm = source.</summary>
    public void Move(int zmm, int source) => Registers(Map0F, P66, 1, 0x6f, zmm, 0, source);

    /// <summary>zmm = 0.</summary>
    public void Zero(int zmm) => Registers(Map0F, P66, 0, 0xef, zmm, zmm, zmm);

    /// <summary>zmm = 16 times the 32 bits at [memory].</summary>
    public void Broadcast(int zmm, Register at, int offset, Register? index = null) => Memory(Map0F38, P66, 0, 0x58, zmm, 0, at, offset, index: index);

    /// <summary>zmm = 16 times the integer at [memory], shifted left, if only by nothing.</summary>
    public void BroadcastShifted(int zmm, Register at, int offset, int shift, Register? index = null)
    {
        if (narrow || shift == 0)
        {
            Broadcast(zmm, at, offset, index);
            if (shift > 0)
            {
                ShiftLeft(zmm, zmm, shift);
            }

            return;
        }

        Memory(Map0F, P66, 0, 0x72, 6, zmm, at, offset, broadcast: true, index: index);
        Byte(shift);
    }

    /// <summary>zmm += Σ of 4: unsigned bytes of <paramref name="unsigned"/> × signed bytes of <paramref name="signed"/> (vpdpbusd).</summary>
    public void DotBytes(int zmm, int unsigned, int signed) => Registers(Map0F38, P66, 0, 0x50, zmm, unsigned, signed);

    /// <summary>The same with the four signed bytes at [memory] for all.</summary>
    public void DotBytes(int zmm, int unsigned, Register at, int offset, Register? index = null) => Memory(Map0F38, P66, 0, 0x50, zmm, unsigned, at, offset, broadcast: true, index: index);

    /// <summary>zmm += Σ of 2: bfloat16s of a × the two at [memory] for all, the upper first (vdpbf16ps).</summary>
    public void DotBf16(int zmm, int a, Register at, int offset) => Memory(Map0F38, PF3, 0, 0x52, zmm, a, at, offset, broadcast: true);

    /// <summary>zmm = Σ of 2: unsigned bytes × signed bytes, in 16 bits, where they saturate (vpmaddubsw).</summary>
    public void MultiplyPairs(int zmm, int unsigned, int signed) => Registers(Map0F38, P66, 0, 0x04, zmm, unsigned, signed);

    /// <summary>zmm = Σ of 2: words × words, in 32 bits (vpmaddwd).</summary>
    public void MultiplyWords(int zmm, int words, int others) => Registers(Map0F, P66, 0, 0xf5, zmm, words, others);

    /// <summary>The same with words of [memory].</summary>
    public void MultiplyWords(int zmm, int words, Register at, int offset) => Memory(Map0F, P66, 0, 0xf5, zmm, words, at, offset);

    /// <summary>zmm = a + b, integers of 16 bits.</summary>
    public void AddWords(int zmm, int a, int b) => Registers(Map0F, P66, 0, 0xfd, zmm, a, b);

    /// <summary>zmm = a − b, integers of 16 bits.</summary>
    public void SubtractWords(int zmm, int a, int b) => Registers(Map0F, P66, 0, 0xf9, zmm, a, b);

    /// <summary>zmm = bytes, negated or zero where those of [memory] are (vpsignb).</summary>
    public void Sign(int zmm, int bytes, Register at, int offset) => Memory(Map0F38, P66, 0, 0x08, zmm, bytes, at, offset);

    /// <summary>zmm = bytes, negated or zero where those of <paramref name="signs"/> are.</summary>
    public void Sign(int zmm, int bytes, int signs) => Registers(Map0F38, P66, 0, 0x08, zmm, bytes, signs);

    /// <summary>zmm = magnitudes of signed bytes.</summary>
    public void Absolute(int zmm, int source) => Registers(Map0F38, P66, 0, 0x1c, zmm, 0, source);

    /// <summary>zmm = source as floats, from integers.</summary>
    public void ToFloats(int zmm, int source) => Registers(Map0F, None, 0, 0x5b, zmm, 0, source);

    /// <summary>zmm = 16 floats from the halves at [memory].</summary>
    public void LoadHalves(int zmm, Register at, int offset) => Memory(Map0F38, P66, 0, 0x13, zmm, 0, at, offset);

    /// <summary>zmm = 16 integers from the signed bytes at [memory].</summary>
    public void LoadSignedBytes(int zmm, Register at, int offset) => Memory(Map0F38, P66, 0, 0x21, zmm, 0, at, offset);

    /// <summary>zmm = a &amp; b.</summary>
    public void And(int zmm, int a, int b) => Registers(Map0F, P66, 0, 0xdb, zmm, a, b);

    /// <summary>zmm = a | b.</summary>
    public void Or(int zmm, int a, int b) => Registers(Map0F, P66, 0, 0xeb, zmm, a, b);

    /// <summary>zmm = a ^ [memory].</summary>
    public void ExclusiveOr(int zmm, int a, Register at, int offset) => Memory(Map0F, P66, 0, 0xef, zmm, a, at, offset);

    /// <summary>zmm |= a &amp; b.</summary>
    public void OrAnd(int zmm, int a, int b)
    {
        Registers(Map0F3A, P66, 0, 0x25, zmm, a, b);
        Byte(0xf8);
    }

    /// <summary>zmm = source with each 16 bits shifted to the left, or to the right by a negative count.</summary>
    public void ShiftWords(int zmm, int source, int count)
    {
        Registers(Map0F, P66, 0, 0x71, count >= 0 ? 6 : 2, zmm, source);
        Byte(Math.Abs(count));
    }

    /// <summary>zmm = source with each 32 bits shifted to the left.</summary>
    public void ShiftLeft(int zmm, int source, int count)
    {
        Registers(Map0F, P66, 0, 0x72, 6, zmm, source);
        Byte(count);
    }

    /// <summary>zmm = source with each 32 bits shifted to the right.</summary>
    public void ShiftRight(int zmm, int source, int count)
    {
        Registers(Map0F, P66, 0, 0x72, 2, zmm, source);
        Byte(count);
    }

    /// <summary>zmm = the bytes of each 16 of <paramref name="table"/> that the bytes of <paramref name="codes"/>, 0 to 15, name.</summary>
    public void Shuffle(int zmm, int table, int codes) => Registers(Map0F38, P66, 0, 0x00, zmm, table, codes);

    /// <summary>zmm = in each 128 bits, the four integers of source that two bits of <paramref name="order"/> each name, the lowest first.</summary>
    public void ShuffleIntegers(int zmm, int source, int order)
    {
        Registers(Map0F, P66, 0, 0x70, zmm, 0, source);
        Byte(order);
    }

    /// <summary>zmm = in each 256 bits, the two halves of source in turn.</summary>
    public void SwapHalves(int zmm, int source)
    {
        Registers(Map0F3A, P66, 1, 0x00, zmm, 0, source);
        Byte(0x4e);
    }

    /// <summary>zmm = a + b, integers of 32 bits.</summary>
    public void AddIntegers(int zmm, int a, int b) => Registers(Map0F, P66, 0, 0xfe, zmm, a, b);

    /// <summary>zmm = a × b.</summary>
    public void Multiply(int zmm, int a, int b) => Registers(Map0F, None, 0, 0x59, zmm, a, b);

    /// <summary>zmm += a × b, fused.</summary>
    public void MultiplyAdd(int zmm, int a, int b) => Registers(Map0F38, P66, 0, 0xb8, zmm, a, b);

    /// <summary>zmm = factor × the float at [memory].</summary>
    public void MultiplyBroadcast(int zmm, int factor, Register at, int offset) => Memory(Map0F, None, 0, 0x59, zmm, factor, at, offset, broadcast: true);

    /// <summary>zmm = factor × [memory].</summary>
    public void Multiply(int zmm, int factor, Register at, int offset) => Memory(Map0F, None, 0, 0x59, zmm, factor, at, offset);

    /// <summary>zmm += factor × [memory], fused; with <paramref name="broadcast"/>, one float of memory for all.</summary>
    public void MultiplyAdd(int zmm, int factor, Register at, int offset, bool broadcast = false, Register? index = null) =>
        Memory(Map0F38, P66, 0, 0xb8, zmm, factor, at, offset, broadcast, index: index);

    /// <summary>zmm = zmm × factor + [memory], fused.</summary>
    public void MultiplyAddMemory(int zmm, int factor, Register at, int offset, Register? index = null) => Memory(Map0F38, P66, 0, 0xa8, zmm, factor, at, offset, index: index);

    /// <summary>Asks for the line at [memory], into the innermost cache or only into the second.</summary>
    public void Prefetch(Register at, int offset, bool second = false)
    {
        if ((int)at >= 8)
        {
            Byte(0x41);
        }

        Bytes(0x0f, 0x18, (byte)((second ? 0x90 : 0x88) | ((int)at & 7)));
        Displacement(offset);
    }

    /// <summary>Clears the upper parts of the vector registers, as callers expect them.</summary>
    public void ZeroUpper() => Bytes(0xc5, 0xf8, 0x77);

    public void Return() => Byte(0xc3);

    /// <summary>Calls what begins where <see cref="Length"/> was <paramref name="target"/>.</summary>
    public void Call(int target)
    {
        Byte(0xe8);
        Displacement(target - (Length + 4));
    }

    /// <summary>register = source.</summary>
    public void Move(Register register, Register source) => Wide(0x89, (int)source, 0xc0, (int)register);

    /// <summary>register = where <see cref="Length"/> was <paramref name="target"/>.</summary>
    public void Address(Register register, int target)
    {
        Wide(0x8d, (int)register, 0, 5);
        Displacement(target - (Length + 4));
    }

    /// <summary>Bytes that are read, not run.</summary>
    public void Data(ReadOnlySpan<byte> bytes) => Bytes(bytes);

    /// <summary>register = [memory], 64 bits.</summary>
    public void Load(Register register, Register at, int offset) => Wide(0x8b, register, at, offset);

    /// <summary>[memory] = register, 64 bits.</summary>
    public void Store(Register at, int offset, Register register) => Wide(0x89, register, at, offset);

    /// <summary>register += [memory], 64 bits.</summary>
    public void Add(Register register, Register at, int offset) => Wide(0x03, register, at, offset);

    /// <summary>register −= [memory], 64 bits.</summary>
    public void Subtract(Register register, Register at, int offset) => Wide(0x2b, register, at, offset);

    /// <summary>register = 0.</summary>
    public void Zero(Register register) => Wide(0x33, (int)register, 0xc0, (int)register);

    /// <summary>Sets the flags by register − value.</summary>
    public void Compare(Register register, int value)
    {
        Wide(0x81, 7, 0xc0, (int)register);
        Displacement(value);
    }

    /// <summary>register += value; the flags say whether it became zero.</summary>
    public void Add(Register register, int value)
    {
        Wide(0x81, 0, 0xc0, (int)register);
        Displacement(value);
    }

    /// <summary>Sets the flags by a register's value.</summary>
    public void Test(Register register) => Wide(0x85, (int)register, 0xc0, (int)register);

    /// <summary>Jumps back to where <see cref="Length"/> was, if the last result was not zero.</summary>
    public void JumpIfNotZero(int target)
    {
        Bytes(0x0f, 0x85);
        Displacement(target - (Length + 4));
    }

    /// <summary>Begins a jump ahead, if the last result was zero; its end is given to <see cref="Land"/>.</summary>
    public int JumpAheadIfZero()
    {
        Bytes(0x0f, 0x84);
        Displacement(0);
        return Length;
    }

    /// <summary>Begins a jump ahead; its end is given to <see cref="Land"/>.</summary>
    public int JumpAhead()
    {
        Byte(0xe9);
        Displacement(0);
        return Length;
    }

    /// <summary>Lets a jump ahead end here.</summary>
    public void Land(int jump)
    {
        Span<byte> distance = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(distance, Length - jump);
        for (var i = 0; i < 4; i++)
        {
            _code[jump - 4 + i] = distance[i];
        }
    }

    /// <summary>Fills up to a multiple of 64 bytes with instructions that do nothing.</summary>
    public void Align()
    {
        while (Length % 64 != 0)
        {
            Byte(0x90);
        }
    }

    private void Registers(int map, int prefix, int wide, byte opcode, int register, int second, int third)
    {
        if (narrow)
        {
            Vex(map, prefix, wide, register, second, third, 0, isLow: false);
        }
        else
        {
            Evex(map, prefix, wide, register, second, (third >> 3) & 1, (third >> 4) & 1, false);
        }

        Bytes(opcode, (byte)(0xc0 | ((register & 7) << 3) | (third & 7)));
    }

    private void Memory(int map, int prefix, int wide, byte opcode, int register, int second, Register at, int offset, bool broadcast = false, bool isLow = false, Register? index = null)
    {
        if (narrow)
        {
            Debug.Assert(!broadcast, "only EVEX broadcasts as part of another instruction");
            Vex(map, prefix, wide, register, second, (int)at, (int)(index ?? Register.Rax), isLow);
        }
        else
        {
            Debug.Assert(!isLow, "EVEX is for whole vectors here");
            Evex(map, prefix, wide, register, second, ((int)at >> 3) & 1, ((int)(index ?? Register.Rax) >> 3) & 1, broadcast);
        }

        Bytes(opcode, (byte)(0x80 | ((register & 7) << 3) | (index is null ? (int)at & 7 : 4)));
        if (index is { } by)
        {
            Byte((((int)by & 7) << 3) | ((int)at & 7));
        }
        else if (((int)at & 7) == 4)
        {
            Byte(0x24); // rsp and r12 as a base need a second byte
        }

        Displacement(offset);
    }

    /// <summary>The four bytes before the opcode; register bits are stored inverted.</summary>
    private void Evex(int map, int prefix, int wide, int register, int second, int baseBit, int indexBit, bool broadcast)
    {
        Byte(0x62);
        Byte(((~register & 8) << 4) | ((indexBit ^ 1) << 6) | ((baseBit ^ 1) << 5) | (~register & 16) | map);
        Byte((wide << 7) | ((~second & 15) << 3) | 4 | prefix);
        Byte((Width512 << 5) | (broadcast ? 16 : 0) | ((~second & 16) >> 1));
    }

    /// <summary>The three bytes before the opcode, for vectors of 256 bits or their low half; register bits are stored inverted.</summary>
    private void Vex(int map, int prefix, int wide, int register, int second, int third, int index, bool isLow)
    {
        Byte(0xc4);
        Byte(((~register & 8) << 4) | ((~index & 8) << 3) | ((~third & 8) << 2) | map);
        Byte((wide << 7) | ((~second & 15) << 3) | (isLow ? 0 : 4) | prefix);
    }

    private void Wide(byte opcode, Register register, Register at, int offset)
    {
        Wide(opcode, (int)register, 0x80, (int)at);
        if (((int)at & 7) == 4)
        {
            Byte(0x24); // rsp and r12 as a base need a second byte
        }

        Displacement(offset);
    }

    private void Wide(byte opcode, int register, int mode, int other)
    {
        Byte(0x48 | ((register >> 3) << 2) | (other >> 3));
        Bytes(opcode, (byte)(mode | ((register & 7) << 3) | (other & 7)));
    }

    private void Displacement(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _code.AddRange(bytes);
    }

    private void Byte(int value) => _code.Add((byte)value);

    private void Bytes(params ReadOnlySpan<byte> values) => _code.AddRange(values);
}
