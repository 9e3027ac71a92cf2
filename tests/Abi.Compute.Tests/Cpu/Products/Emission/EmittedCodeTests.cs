using Abi.Compute.Cpu.Products.Emission;
using Iced.Intel;
using Assembler = Abi.Compute.Cpu.Products.Emission.Assembler;
using Code = Iced.Intel.Code;
using Register = Iced.Intel.Register;

namespace Abi.Compute.Tests.Cpu.Products.Emission;

/// <summary>Emitted code read back by a disassembler: that it is what it should be, and that it keeps to both calling conventions, of which only one can run here.</summary>
public sealed class EmittedCodeTests
{
    private static readonly HashSet<Mnemonic> Expected =
    [
        Mnemonic.Mov, Mnemonic.Add, Mnemonic.Test, Mnemonic.Je, Mnemonic.Jne, Mnemonic.Jmp, Mnemonic.Nop, Mnemonic.Ret, Mnemonic.Prefetcht0, Mnemonic.Vzeroupper,
        Mnemonic.Vmovups, Mnemonic.Vmovdqa64, Mnemonic.Vpxord, Mnemonic.Vpbroadcastd, Mnemonic.Vpslld, Mnemonic.Vpdpbusd, Mnemonic.Vcvtdq2ps, Mnemonic.Vcvtph2ps, Mnemonic.Vmulps, Mnemonic.Vfmadd231ps,
    ];

    private static readonly HashSet<Register> Volatile =
        [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11];

    [Test]
    public void Int8TilesKeepToTheConvention([Values(-1, 0, 3, 7)] int offsetShift, [Values(1, 2)] int scales, [Values] bool hasMinimum, [Values(1, 2, 3)] int rows, [Values] bool windows)
    {
        var assembler = new Assembler();
        Int8TileProgram.Write(assembler, offsetShift, scales, hasMinimum, rows, windows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code, windows);
        // eight groups of four columns, four vectors of outputs, for each row
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vpdpbusd), Is.EqualTo(8 * 4 * rows));
        var shifts = code.Where(i => i.Mnemonic == Mnemonic.Vpslld).ToArray();
        Assert.That(shifts.Select(i => (int)i.Immediate8), Is.All.EqualTo(offsetShift));
        Assert.That(shifts, offsetShift > 0 ? Is.Not.Empty : Is.Empty);
        var scaleAdds = code.Count(i => i.Mnemonic == Mnemonic.Vmulps);
        Assert.That(scaleAdds, Is.EqualTo(4 * rows), "a block begins with a product of its first scale, for each vector");
    }

    [Test]
    public void HalfRowsKeepToTheConvention([Values(1, 2, 3)] int rows)
    {
        var assembler = new Assembler();
        HalfRowsProgram.Write(assembler, rows);
        var code = Decode(assembler.ToArray());
        CheckConvention(code, windows: false);
        Assert.That(code.Count(i => i.Mnemonic == Mnemonic.Vcvtph2ps), Is.EqualTo(4));
        var products = code.Where(i => i.Mnemonic == Mnemonic.Vfmadd231ps).ToArray();
        Assert.That(products, Has.Length.EqualTo(4 * rows));
        Assert.That(products.All(i => i.IsBroadcast));
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

    private static void CheckConvention(List<Instruction> code, bool windows)
    {
        Assert.That(code[0].ToString(), Is.EqualTo(windows ? "mov rax,rcx" : "mov rax,rdi"), "the argument");
        var factory = new InstructionInfoFactory();
        var (saved, restored, stack) = (new HashSet<Register>(), new HashSet<Register>(), 0L);
        foreach (var instruction in code)
        {
            if (instruction.Mnemonic == Mnemonic.Add && instruction.Op0Register == Register.RSP)
            {
                Assert.That(windows, "only Windows needs the stack");
                stack += (long)instruction.GetImmediate(1);
                continue;
            }

            if (instruction.Mnemonic == Mnemonic.Ret)
            {
                continue;
            }

            if (instruction.Mnemonic == Mnemonic.Vmovups && instruction.MemoryBase == Register.RSP)
            {
                Assert.That((long)instruction.MemoryDisplacement64, Is.InRange(0, -stack - 16), "within the frame");
                if (instruction.Op0Kind == OpKind.Memory)
                {
                    Assert.That(saved.Add(instruction.Op1Register));
                }
                else
                {
                    Assert.That(restored.Add(instruction.Op0Register));
                }

                continue;
            }

            foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Access is not (OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite))
                {
                    continue;
                }

                if (used.Register.IsGPR())
                {
                    Assert.That(Volatile, Does.Contain(used.Register.GetFullRegister()), instruction.ToString());
                }
                else if (windows && used.Register.IsVectorRegister() && instruction.Mnemonic != Mnemonic.Vzeroupper)
                {
                    var number = used.Register.GetNumber();
                    Assert.That(number is < 6 or > 15 || saved.Contains(Register.XMM0 + number), instruction.ToString());
                    Assert.That(restored, Is.Empty, "nothing is written after the caller's registers are back");
                }
            }
        }

        Assert.That(stack, Is.Zero);
        Assert.That(restored, Is.EquivalentTo(saved));
        Assert.That(saved, windows ? Is.EquivalentTo(Enumerable.Range(6, 10).Select(i => Register.XMM0 + i)) : Is.Empty);
    }
}
