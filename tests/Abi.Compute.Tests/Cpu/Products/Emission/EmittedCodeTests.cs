using System.Numerics;
using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Iced.Intel;
using Assembler = Abi.Compute.Cpu.Products.Emission.Assembler;
using Code = Iced.Intel.Code;
using Register = Iced.Intel.Register;

namespace Abi.Compute.Tests.Cpu.Products.Emission;

/// <summary>Emitted code read back by a disassembler: that it is what it should be, and that it keeps to the calling convention of System V.</summary>
[Parallelizable]
public sealed class EmittedCodeTests
{
    private static readonly HashSet<Mnemonic> Expected =
    [
        Mnemonic.Mov, Mnemonic.Add, Mnemonic.Test, Mnemonic.Je, Mnemonic.Jne, Mnemonic.Jmp, Mnemonic.Nop, Mnemonic.Ret, Mnemonic.Prefetcht0, Mnemonic.Prefetcht1, Mnemonic.Vzeroupper,
        Mnemonic.Vmovups, Mnemonic.Vmovdqa64, Mnemonic.Vpxord, Mnemonic.Vpbroadcastd, Mnemonic.Vpslld, Mnemonic.Vpdpbusd, Mnemonic.Vdpbf16ps, Mnemonic.Vcvtdq2ps, Mnemonic.Vcvtph2ps, Mnemonic.Vmulps, Mnemonic.Vfmadd231ps,
        Mnemonic.Sub, Mnemonic.Cmp, Mnemonic.Xor, Mnemonic.Lea, Mnemonic.Vfmadd213ps, Mnemonic.Vmovdqa, Mnemonic.Vpxor, Mnemonic.Vpand, Mnemonic.Vpor, Mnemonic.Vpabsb, Mnemonic.Vpsignb,
        Mnemonic.Vpmaddubsw, Mnemonic.Vpmaddwd, Mnemonic.Vpaddw, Mnemonic.Vpaddd, Mnemonic.Vpsrld, Mnemonic.Vpsrlw, Mnemonic.Vpsllw, Mnemonic.Vpshufb, Mnemonic.Vpmovsxbd,
        Mnemonic.Vpsubw, Mnemonic.Vpshufd, Mnemonic.Vpermq,
    ];

    private static readonly HashSet<Register> Volatile =
        [Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11];

    [Test]
    public void Int8TilesKeepToTheConvention([Values(-1, 0, 3, 7)] int offsetShift, [Values(1, 2)] int scales, [Values] bool hasMinimum, [Values(1, 2, 3)] int rows, [Values] bool narrow)
    {
        var assembler = new Assembler(narrow, vnni: true);
        Int8TileVnniProgram.Write(assembler, new Int8TileShape(offsetShift, scales, hasMinimum, 127), rows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code);
        if (narrow)
        {
            CheckNarrow(code, CpuidFeature.AVX_VNNI);
        }

        // eight groups of four columns, four or eight vectors of outputs, for each row
        var vectors = narrow ? 8 : 4;
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpdpbusd), Is.EqualTo(8 * vectors * rows));
        var shifts = code.Where(i => i.Mnemonic == Mnemonic.Vpslld).ToArray();
        Assert.That(shifts.Select(i => (int)i.Immediate8), Is.All.EqualTo(offsetShift));
        Assert.That(shifts, offsetShift > 0 ? Is.Not.Empty : Is.Empty);
        var scaleAdds = code.Count(i => i.Mnemonic == Mnemonic.Vmulps);
        Assert.That(scaleAdds, Is.EqualTo(vectors * rows), "a block begins with a product of its first scale, for each vector");
    }

    [Test]
    public void HalfRowsKeepToTheConvention([Values(1, 2, 3)] int rows)
    {
        var assembler = new Assembler();
        HalfRowsProgram.Write(assembler, rows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code);
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vcvtph2ps), Is.EqualTo(4));
        var products = code.Where(i => i.Mnemonic == Mnemonic.Vfmadd231ps).ToArray();
        Assert.That(products, Has.Length.EqualTo(4 * rows));
        Assert.That(products.All(i => i.IsBroadcast));
    }

    [Test]
    public void HalfAttentionKeepsToTheConvention([Values(1, 2, 3, 4, 5, 6, 7, 8)] int queries)
    {
        var wide = HalfAttentionProgram.SumVectors(queries);
        var scores = Written(assembler => HalfAttentionProgram.WriteScores(assembler, queries));
        Check(scores, 2);
        Check(Written(assembler => HalfAttentionProgram.WriteSums(assembler, queries, wide)), wide);
        Check(Written(assembler => HalfAttentionProgram.WriteSums(assembler, queries, 1)), 1);
        Assert.That(scores.Count(i => i.Mnemonic is Mnemonic.Vmovups), Is.EqualTo(2 * queries), "scores are written, nothing is read");

        static List<Instruction> Written(Action<Assembler> write)
        {
            var assembler = new Assembler();
            write(assembler);
            return Decode(assembler.ToArray());
        }

        void Check(List<Instruction> code, int vectors)
        {
            CheckConvention(code, "mov rcx,[rdi]");
            Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vcvtph2ps), Is.EqualTo(vectors), "once for all queries");
            Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpbroadcastd), Is.EqualTo(queries));
            Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Prefetcht1), Is.EqualTo((vectors + 1) / 2), "as many lines as are read");
            var products = code.Where(i => i.Mnemonic == Mnemonic.Vfmadd231ps).ToArray();
            Assert.That(products, Has.Length.EqualTo(vectors * queries));
            Assert.That(products.Select(i => i.Op0Register), Is.Unique, "chains stay in registers");
        }
    }

    [Test]
    public void Bf16RowsKeepToTheConvention([Values(1, 2, 3, 4, 5, 6)] int rows)
    {
        var assembler = new Assembler();
        HalfRowsProgram.WriteBf16(assembler, rows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code);
        var products = code.Where(i => i.Mnemonic == Mnemonic.Vdpbf16ps).ToArray();
        Assert.That(products, Has.Length.EqualTo(4 * rows));
        Assert.That(products.All(i => i.IsBroadcast && i.Op0Register.IsZMM()));
        Assert.That(products.Select(i => i.Op0Register), Is.Unique, "sums stay in registers");
        Assert.That(code.SelectMany(i => i.Code.CpuidFeatures()), Does.Contain(CpuidFeature.AVX512_BF16));
    }

    [Test]
    public void HalfRowsOf256BitsNeedNoMoreThanTheyAskFor([Values(1, 2, 3)] int rows)
    {
        var assembler = new Assembler(narrow: true);
        HalfRowsProgram.Write(assembler, rows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code);
        CheckNarrow(code);
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vcvtph2ps), Is.EqualTo(8), "64 outputs");
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vfmadd231ps), Is.EqualTo(8 * rows));
    }

    [Test]
    public void Int8TilesOf256BitsNeedNoMoreThanTheyAskFor(
        [Values(15, 31, 63, 128)] int greatest, [Values] bool hasMiddleOffset, [Values(1, 2)] int scales, [Values] bool hasMinimum, [Values(1, 2, 3)] int rows)
    {
        var offsetShift = greatest == 128 ? 7 : hasMiddleOffset ? BitOperations.Log2((uint)greatest) : 3;
        var isCentred = hasMiddleOffset && (greatest == 31 && scales == 1 || greatest == 63 && scales == 2);
        var assembler = new Assembler(narrow: true);
        var constants = Int8Tile256Program.WriteConstants(assembler, offsetShift);
        var start = assembler.Length;
        Int8Tile256Program.Write(assembler, constants, new Int8TileShape(offsetShift, scales, hasMinimum, greatest), rows);
        var code = Decode(assembler.ToArray()[start..]);
        CheckConvention(code);
        CheckNarrow(code);
        // eight groups of four columns, eight vectors of outputs, for each row
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpmaddubsw), Is.EqualTo((8 * 8 * rows) + (isCentred ? rows : 0)));
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpsubw), Is.EqualTo(isCentred ? scales * 8 * rows : 0), "offsets, while sums have 16 bits");
        var runs = isCentred ? scales : greatest switch { 15 => scales, 31 => 2, 63 => 4, _ => 8 };
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpmaddwd), Is.EqualTo(runs * 8 * rows), "sums of 16 bits end before they overflow");
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpsignb), Is.EqualTo(greatest == 128 ? 8 * 8 * rows : 0));
        var keepsOutputs = scales == 1 && runs == 1;
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vfmadd213ps), Is.EqualTo(keepsOutputs ? 0 : 8 * rows), "outputs in memory");
        Assert.That(code.Where(i => i.MemoryBase == Register.RDI && i.Op0Kind == OpKind.Memory).All(i => i.MemoryDisplacement64 + (ulong)(Int8Panel.MaximumBlocks * 32) <= 3 * 16 * sizeof(short) * Int8Panel.MaximumBlocks), "room for offsets");
        var address = code.Single(i => i.Mnemonic == Mnemonic.Lea);
        Assert.That((long)start + (long)address.IPRelativeMemoryAddress, Is.EqualTo(constants));
    }

    [Test]
    public void PackedRowsOf256BitsNeedNoMoreThanTheyAskFor(
        [Values(1, 2, 3, 4, 5, 6, 8)] int codeBits, [Values("Half", "Super", "Single")] string form, [Values(1, 2)] int scales, [Values] bool hasMinimum, [Values] bool hasTable, [Values] bool vnni)
    {
        var shape = new PackedRowsShape(new(codeBits, Enum.Parse<ScaleForm>(form), scales, hasMinimum), codeBits == 8 ? 7 : 3, hasTable && codeBits < 5);
        foreach (var rows in new[] { 1, 8 })
        {
            var assembler = new Assembler(narrow: true, vnni);
            PackedRowsProgram.Write(assembler, shape, rows);
            var code = Decode(assembler.ToArray());
            CheckConvention(code, "mov r10,[rdi+28h]");
            CheckNarrow(code, vnni ? CpuidFeature.AVX_VNNI : CpuidFeature.AVX2);
            var blocks = shape.Layout.StretchBlocks;
            Assert.That(code.Count(i => i.Mnemonic == (vnni ? Mnemonic.Vpdpbusd : Mnemonic.Vpmaddubsw)), Is.EqualTo(blocks * 2 * 8 * rows), "two times 8 outputs, eight groups of four columns");
            Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vfmadd213ps), Is.EqualTo(blocks * 2 * rows), "outputs");
            Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpshufb), Is.EqualTo(shape.HasTable ? blocks * 2 * 8 : 0));
            Assert.That(code.Where(i => i.MemoryBase == Register.RDI && i.Op0Kind == OpKind.Memory).All(i => i.MemoryDisplacement64 >= 184 && i.MemoryDisplacement64 + 32 <= (ulong)Marshal.SizeOf<PackedRowsArguments>()), "of the arguments, only room for it is written");
        }
    }

    /// <summary>Only vectors of 256 bits in VEX form, and only what was asked of the processor.</summary>
    private static void CheckNarrow(List<Instruction> code, CpuidFeature besides = CpuidFeature.AVX2)
    {
        Assert.That(code.Where(i => i.Op0Register.IsVectorRegister()).All(i => i.Encoding == EncodingKind.VEX && i.Op0Register.IsYMM()));
        Assert.That(code.SelectMany(i => i.Code.CpuidFeatures()).Distinct(), Is.SubsetOf(new[]
        {
            CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.SSE, CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA, CpuidFeature.F16C, besides,
        }));
    }

    private static List<Instruction> Decode(byte[] bytes)
    {
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes));
        List<Instruction> code = [];
        while (decoder.IP < (ulong)bytes.Length)
        {
            var instruction = decoder.Decode();
            Assert.That(instruction.Code, Is.Not.EqualTo(Code.INVALID), $"at byte {instruction.IP}");
            Assert.That(Expected, Does.Contain(instruction.Mnemonic), instruction.ToString());
            code.Add(instruction);
        }

        var starts = code.Select(i => i.IP).ToHashSet();
        Assert.That(code.Where(i => i.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch).All(i => starts.Contains(i.NearBranchTarget)), "jumps end at instructions");
        Assert.That(code[^1].Mnemonic, Is.EqualTo(Mnemonic.Ret));
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Ret), Is.EqualTo(1));
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vzeroupper), Is.EqualTo(1));
        return code;
    }

    private static void CheckConvention(List<Instruction> code, string first = "mov rax,rdi")
    {
        Assert.That(code[0].ToString(), Is.EqualTo(first), "the argument");
        var factory = new InstructionInfoFactory();
        foreach (var instruction in code.Where(instruction => instruction.Mnemonic != Mnemonic.Ret))
        {
            foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Register.IsGPR() && used.Access is (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite))
                {
                    Assert.That(Volatile, Does.Contain(used.Register.GetFullRegister()), instruction.ToString());
                }

                Assert.That(used.Register, Is.Not.EqualTo(Register.RSP), "entries for Windows count on a stack that is left alone");
            }
        }
    }
}
