using System.Numerics;
using System.Runtime.InteropServices;
using Abi.Compute.Memory;
using Assembler = Abi.Compute.Cpu.Products.Emission.Assembler;
using Register = Abi.Compute.Cpu.Products.Emission.Register;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>The interpreter itself: every instruction as the processor has it, and what it does not know refused.</summary>
public sealed unsafe class CodeInterpreterTests
{
    private const int Turns = 300;
    private const int Slot = 64; // bytes from one operand to the next: destination, a, b, result

    /// <summary>Instructions of both widths: zmm0 from zmm0, 1 and 2, or from memory where 2 lies.</summary>
    private static readonly Dictionary<string, Action<Assembler>> Common = new()
    {
        ["move"] = to => to.Move(0, 1),
        ["zero"] = to => to.Zero(0),
        ["broadcast"] = to => to.Broadcast(0, Register.Rdi, 2 * Slot),
        ["multiply pairs"] = to => to.MultiplyPairs(0, 1, 2),
        ["multiply words"] = to => to.MultiplyWords(0, 1, 2),
        ["multiply words of memory"] = to => to.MultiplyWords(0, 1, Register.Rdi, 2 * Slot),
        ["add words"] = to => to.AddWords(0, 1, 2),
        ["subtract words"] = to => to.SubtractWords(0, 1, 2),
        ["shuffle integers"] = to => to.ShuffleIntegers(0, 1, 0x1b),
        ["swap halves"] = to => to.SwapHalves(0, 1),
        ["absolute"] = to => to.Absolute(0, 1),
        ["to floats"] = to => to.ToFloats(0, 1),
        ["load halves"] = to => to.LoadHalves(0, Register.Rdi, 2 * Slot),
        ["load signed bytes"] = to => to.LoadSignedBytes(0, Register.Rdi, 2 * Slot),
        ["and"] = to => to.And(0, 1, 2),
        ["or"] = to => to.Or(0, 1, 2),
        ["exclusive or"] = to => to.ExclusiveOr(0, 1, Register.Rdi, 2 * Slot),
        ["words left"] = to => to.ShiftWords(0, 1, 3),
        ["words right"] = to => to.ShiftWords(0, 1, -5),
        ["left"] = to => to.ShiftLeft(0, 1, 28),
        ["right"] = to => to.ShiftRight(0, 1, 4),
        ["shuffle"] = to => to.Shuffle(0, 1, 2),
        ["add integers"] = to => to.AddIntegers(0, 1, 2),
        ["multiply"] = to => to.Multiply(0, 1, 2),
        ["multiply by memory"] = to => to.Multiply(0, 1, Register.Rdi, 2 * Slot),
        ["multiply and add"] = to => to.MultiplyAdd(0, 1, 2),
        ["multiply memory and add"] = to => to.MultiplyAdd(0, 1, Register.Rdi, 2 * Slot),
        ["multiply and add memory"] = to => to.MultiplyAddMemory(0, 1, Register.Rdi, 2 * Slot),
    };

    private static readonly Dictionary<string, Action<Assembler>> NarrowOnly = new()
    {
        ["sign"] = to => to.Sign(0, 1, 2),
        ["broadcast and shifted"] = to => to.BroadcastShifted(0, Register.Rdi, 2 * Slot, 3),
        ["sign of memory"] = to => to.Sign(0, 1, Register.Rdi, 2 * Slot),
    };

    private static readonly Dictionary<string, Action<Assembler>> WideOnly = new()
    {
        ["dot bytes"] = to => to.DotBytes(0, 1, 2),
        ["dot bytes of memory"] = to => to.DotBytes(0, 1, Register.Rdi, 2 * Slot),
        ["broadcast shifted"] = to => to.BroadcastShifted(0, Register.Rdi, 2 * Slot, 3),
        ["or and"] = to => to.OrAnd(0, 1, 2),
        ["multiply by one of memory"] = to => to.MultiplyBroadcast(0, 1, Register.Rdi, 2 * Slot),
        ["multiply one of memory and add"] = to => to.MultiplyAdd(0, 1, Register.Rdi, 2 * Slot, broadcast: true),
    };

    public static IEnumerable<string> NarrowNames => [.. Common.Keys, .. NarrowOnly.Keys];

    public static IEnumerable<string> WideNames => [.. Common.Keys, .. WideOnly.Keys];

    [TestCaseSource(nameof(NarrowNames))]
    public void InstructionsOf256BitsAreTheProcessors(string name) => Compare(Common.TryGetValue(name, out var write) ? write : NarrowOnly[name], narrow: true);

    [Test]
    public void ProductsOfFourBytesOf256BitsAreTheProcessors() => Compare(WideOnly["dot bytes"], narrow: true, vnni: true);

    [TestCaseSource(nameof(WideNames))]
    public void InstructionsOf512BitsAreTheProcessors(string name) => Compare(Common.TryGetValue(name, out var write) ? write : WideOnly[name], narrow: false);

    /// <summary>What no machine without AVX-512 can run, by definitions that share nothing with the interpreter.</summary>
    [Test]
    public void InstructionsOf512BitsAloneAreTheirDefinitions()
    {
        var random = new Random(3);
        using var memory = new NativeBuffer(4 * Slot);
        foreach (var (name, write) in WideOnly)
        {
            using var interpreter = new CodeInterpreter(Program(write, narrow: false));
            interpreter.Memory.Lend(memory, isWritable: true, "operands");
            for (var turn = 0; turn < Turns; turn++)
            {
                Fill(random, memory);
                var bytes = Operands(memory).ToArray();
                int Integer(int operand, int lane) => BitConverter.ToInt32(bytes, (operand * Slot) + (4 * lane));
                float Float(int operand, int lane) => BitConverter.ToSingle(bytes, (operand * Slot) + (4 * lane));
                interpreter.Call(0, false, memory.Address);
                for (var lane = 0; lane < 16; lane++)
                {
                    var at = (lane * 4) + Slot;
                    long Dot(int b) => Enumerable.Range(0, 4).Sum(i => (long)bytes[at + i] * (sbyte)bytes[b + i]);
                    var expected = name switch
                    {
                        "dot bytes" => unchecked((int)(Integer(0, lane) + Dot(at + Slot))),
                        "dot bytes of memory" => unchecked((int)(Integer(0, lane) + Dot(2 * Slot))),
                        "broadcast shifted" => unchecked(Integer(2, 0) * 8),
                        "or and" => Integer(0, lane) | (Integer(1, lane) & Integer(2, lane)),
                        "multiply by one of memory" => BitConverter.SingleToInt32Bits(Float(1, lane) * Float(2, 0)),
                        _ => BitConverter.SingleToInt32Bits(MathF.FusedMultiplyAdd(Float(1, lane), Float(2, 0), Float(0, lane))),
                    };
                    var actual = BitConverter.ToInt32(Operands(memory)[((3 * Slot) + (4 * lane))..]);
                    Assert.That(AreEqual((uint)expected, (uint)actual, name.StartsWith("multiply", StringComparison.Ordinal)), $"{name}, lane {lane}: {expected:x} and {actual:x}");
                }
            }
        }
    }

    [Test]
    public void NarrowInstructionsClearTheRestOfRegisters()
    {
        // a wide register, its lower half written in VEX form, and stored whole
        byte[] code = [.. Written(new Assembler(), to => to.Load(3, Register.Rdi, 0)), .. Written(new Assembler(narrow: true), to => to.Move(3, 3)), .. Written(new Assembler(), to => to.Store(Register.Rdi, 64, 3)), 0xc3];
        using var memory = new NativeBuffer(128);
        new Span<byte>((void*)memory.Address, 128).Fill(7);
        using var interpreter = new CodeInterpreter(code);
        interpreter.Memory.Lend(memory, isWritable: true, "operands");
        interpreter.Call(0, false, memory.Address);
        var result = new Span<byte>((byte*)memory.Address + 64, 64);
        Assert.That(result[..32].ToArray(), Has.All.EqualTo(7));
        Assert.That(result[32..].ToArray(), Has.All.Zero);
    }

    /// <summary>By arithmetic of another kind: exact sums of whole multiples of 2⁻³⁰⁰, rounded here.</summary>
    [Test]
    public void ProductsOfBf16PairsAreTheirDefinition()
    {
        using var interpreter = new CodeInterpreter(Program(to => to.DotBf16(0, 1, Register.Rdi, 2 * Slot), narrow: false));
        using var memory = new NativeBuffer(4 * Slot);
        interpreter.Memory.Lend(memory, isWritable: true, "operands");
        var dwords = new Span<uint>((void*)memory.Address, 64);
        var random = new Random(5);
        for (var turn = 0; turn < 4 * Turns; turn++)
        {
            for (var i = 0; i < dwords.Length; i++)
            {
                dwords[i] = i < 16 ? NearTheLeast(random) : (NearTheLeast(random) & 0xffff0000) | (NearTheLeast(random) >> 16);
            }

            // and the least normal number less what rounds back to it only among denormals: 2⁻¹²⁶ − 2⁻⁷⁵ × 2⁻⁷⁵
            (dwords[0], dwords[16], dwords[32]) = turn % 2 == 0 ? (0x00800000, 0x1a000000, 0x9a000000u) : (dwords[0], dwords[16], dwords[32]);

            var before = dwords.ToArray();
            interpreter.Call(0, false, memory.Address);
            for (var lane = 0; lane < 16; lane++)
            {
                var (weights, x) = (before[16 + lane], before[32]);
                var expected = AddProduct(AddProduct(before[lane], weights & 0xffff0000, x & 0xffff0000), weights << 16, x << 16);
                Assert.That(dwords[48 + lane] == expected || ((dwords[48 + lane] | expected) & 0x7fffffff) == 0, $"lane {lane}: {dwords[48 + lane]:x} and {expected:x}");
            }
        }
    }

    /// <summary>A number of either sign whose exponent is that of denormals or the next, or such that products are as small.</summary>
    private static uint NearTheLeast(Random random) =>
        ((uint)random.Next(2) << 31) | ((uint)(random.Next(3) == 0 ? random.Next(4) : 62 + random.Next(4)) << 23) | ((uint)random.Next(1 << 23) & (random.Next(2) == 0 ? 0x7fffff : 0x7f0000u));

    private static uint AddProduct(uint sum, uint a, uint b)
    {
        const int unit = 150;
        var exact = (Whole(a, unit) * Whole(b, unit)) + Whole(sum, 2 * unit);
        var magnitude = BigInteger.Abs(exact);
        var shift = Math.Max((int)magnitude.GetBitLength() - 24, 0);
        var kept = magnitude >> shift;
        var rest = (magnitude - (kept << shift)) * 2;
        var whole = BigInteger.One << shift;
        kept += rest > whole || (rest == whole && !kept.IsEven) ? 1 : 0;
        var value = (double)kept * Math.Pow(2, shift - (2 * unit));
        return (value < Math.Pow(2, -126) ? 0 : BitConverter.SingleToUInt32Bits((float)value)) | (exact.Sign < 0 ? 0x80000000 : 0);
    }

    /// <summary>A number in multiples of 2^−unit; what is denormal is none.</summary>
    private static BigInteger Whole(uint bits, int unit)
    {
        var exponent = (int)((bits >> 23) & 255);
        var magnitude = exponent == 0 ? BigInteger.Zero : (BigInteger)((bits & 0x7fffff) | 0x800000) << (exponent - 150 + unit);
        return bits >> 31 == 0 ? magnitude : -magnitude;
    }

    private static byte[] Written(Assembler assembler, Action<Assembler> write)
    {
        write(assembler);
        return assembler.ToArray();
    }

    [TestCase(-1)]
    [TestCase(1)]
    public void MemoryThatWasNotLentIsRefused(int offset)
    {
        Assert.That(() => Run(to => to.Load(0, Register.Rdi, offset)), Throws.TypeOf<InterpretationException>().With.Message.Contains("vmovups").And.Message.Contains("reads 64 bytes").And.Message.Contains("'operand'"));
    }

    [Test]
    public void MemoryForReadingIsNotWritten()
    {
        Assert.That(() => Run(to => to.Load(0, Register.Rdi, 0)), Throws.Nothing);
        Assert.That(() => Run(to => to.Store(Register.Rdi, 0, 0)), Throws.TypeOf<InterpretationException>().With.Message.Contains("writes 64 bytes"));
    }

    [Test]
    public void PrefetchesTouchNothing() => Assert.That(() => Run(to => to.Prefetch(Register.Rdi, 1 << 30)), Throws.Nothing);

    [TestCase("0f0b", "is not known", TestName = "ud2")]
    [TestCase("c5f458c2", "is not known", TestName = "vaddps ymm0,ymm1,ymm2")]
    [TestCase("62f17c491000", "masks", TestName = "vmovups zmm0{k1},[rax]")]
    [TestCase("62f1745859c2", "masks and rounding", TestName = "vmulps zmm0,zmm1,zmm2{ru-sae}")]
    [TestCase("01c0", "64-bit", TestName = "add eax,eax")]
    [TestCase("f0480107", "prefixes", TestName = "lock add [rdi],rax")]
    [TestCase("0f8400000000", "nothing set the flags", TestName = "je")]
    [TestCase("ebfe", "does not end", TestName = "jmp to itself")]
    [TestCase("e900100000", "outside the code", TestName = "jmp out")]
    [TestCase("4831db", "RBX is the caller's", TestName = "xor rbx,rbx")]
    public void WhatIsNotKnownIsRefused(string hex, string message)
    {
        using var interpreter = new CodeInterpreter([.. Convert.FromHexString(hex), 0xc3]);
        Assert.That(() => interpreter.Call(0, false), Throws.TypeOf<InterpretationException>().With.Message.Contains(message));
    }

    [Test]
    public void RegistersOfTheCallerOnWindowsAreKept()
    {
        using var interpreter = new CodeInterpreter([.. Written(new Assembler(narrow: true), to => to.Zero(6)), 0xc3]);
        Assert.That(() => interpreter.Call(0, windows: false), Throws.Nothing);
        Assert.That(() => interpreter.Call(0, windows: true), Throws.TypeOf<InterpretationException>().With.Message.Contains("XMM6"));
    }

    private static void Run(Action<Assembler> write)
    {
        using var memory = new NativeBuffer(64);
        using var interpreter = new CodeInterpreter([.. Written(new Assembler(), write), 0xc3]);
        interpreter.Memory.Lend(memory, isWritable: false, "operand");
        interpreter.Call(0, false, memory.Address);
    }

    private static void Compare(Action<Assembler> write, bool narrow, bool vnni = false)
    {
        if (!EmittedFunction.CanRun(narrow, vnni))
        {
            Assert.Ignore("This process runs no such code.");
        }

        var code = Program(write, narrow);
        var function = EmittedFunction.Place(code);
        using var interpreter = new CodeInterpreter(code);
        using var memory = new NativeBuffer(4 * Slot);
        interpreter.Memory.Lend(memory, isWritable: true, "operands");
        var instruction = interpreter.Describe(3);
        var random = new Random(code.Length);
        for (var turn = 0; turn < Turns; turn++)
        {
            Fill(random, memory);
            interpreter.Call(0, false, memory.Address);
            var interpreted = MemoryMarshal.Cast<byte, uint>(Operands(memory)).ToArray();
            EmittedFunction.Run(function, (void*)memory.Address);
            var run = MemoryMarshal.Cast<byte, uint>(Operands(memory)).ToArray();
            for (var i = 0; i < run.Length; i++)
            {
                Assert.That(AreEqual(run[i], interpreted[i], isFloat: instruction.Contains("ps ", StringComparison.Ordinal)), $"{instruction}, dword {i}: {run[i]:x} and {interpreted[i]:x}");
            }
        }
    }

    /// <summary>Bits; which quiet number comes of one that is none is left open.</summary>
    private static bool AreEqual(uint a, uint b, bool isFloat) =>
        a == b || (isFloat && float.IsNaN(BitConverter.UInt32BitsToSingle(a)) && float.IsNaN(BitConverter.UInt32BitsToSingle(b)));

    private static byte[] Program(Action<Assembler> write, bool narrow)
    {
        var to = new Assembler(narrow);
        for (var operand = 0; operand < 3; operand++)
        {
            to.Load(operand, Register.Rdi, operand * Slot);
        }

        write(to);
        to.Store(Register.Rdi, 3 * Slot, 0);
        to.ZeroUpper();
        to.Return();
        return to.ToArray();
    }

    private static Span<byte> Operands(NativeBuffer memory) => new((void*)memory.Address, 4 * Slot);

    /// <summary>Any bits; or extreme bytes; or floats that are nearly everything there is: small, large, denormal, zero, infinite, none; or products that almost cancel sums.</summary>
    private static void Fill(Random random, NativeBuffer memory)
    {
        var bytes = Operands(memory);
        random.NextBytes(bytes);
        var floats = MemoryMarshal.Cast<byte, float>(bytes);
        switch (random.Next(4))
        {
            case 0:
                foreach (ref var value in bytes)
                {
                    value = (value & 3) switch { 0 => 0, 1 => 128, 2 => 255, _ => 127 };
                }

                break;
            case 1:
                foreach (ref var value in floats)
                {
                    value = random.Next(9) switch
                    {
                        0 => 0,
                        1 => -0f,
                        2 => float.PositiveInfinity,
                        3 => float.NaN,
                        4 => BitConverter.Int32BitsToSingle(random.Next(1 << 23)),
                        5 => -BitConverter.Int32BitsToSingle(random.Next(1 << 24)),
                        6 => float.MaxValue * random.NextSingle(),
                        _ => random.NextSingle() - 0.5f,
                    };
                }

                break;
            case 2:
                for (var lane = 0; lane < 16; lane++)
                {
                    var (a, b) = (random.NextSingle() - 0.5f, random.NextSingle() - 0.5f);
                    (floats[lane], floats[16 + lane], floats[32 + lane]) = (-a * b, a, b);
                }

                break;
        }
    }
}
