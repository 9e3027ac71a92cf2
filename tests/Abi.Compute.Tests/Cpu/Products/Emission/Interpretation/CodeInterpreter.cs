using System.Runtime.InteropServices;
using Abi.Compute.Memory;
using Iced.Intel;
using Register = Iced.Intel.Register;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>
/// Runs emitted code one instruction after the other on registers of its own and lent memory, on any machine. It knows the instructions that emitters use and refuses every other, every
/// access to memory that was not lent, and every jump on flags that nothing set; registers begin with what means nothing.
/// </summary>
internal sealed unsafe class CodeInterpreter : IDisposable
{
    private const int VectorDwords = 16;
    private const int MostSteps = 1_000_000;
    private const int StackBytes = 4096;

    private readonly NativeBuffer _code;
    private readonly NativeBuffer _stack = new(StackBytes);
    private readonly Dictionary<long, (Instruction Instruction, Func<long> Run)> _steps = [];
    private readonly long[] _general = new long[16];
    private readonly uint[] _vectors = new uint[32 * VectorDwords];
    private bool? _isZero; // the zero flag, if something has set it

    /// <summary>Takes code, which may hold data that it reads.</summary>
    public CodeInterpreter(ReadOnlySpan<byte> code)
    {
        _code = new NativeBuffer(code.Length);
        code.CopyTo(new Span<byte>((void*)_code.Address, code.Length));
        Lend();
    }

    /// <summary>What the code may touch.</summary>
    public LentMemory Memory { get; private set; } = new();

    /// <summary>Forgets what was lent.</summary>
    public void TakeBack()
    {
        Memory = new LentMemory();
        Lend();
    }

    /// <summary>An instruction of the code, from the first on.</summary>
    public string Describe(int index)
    {
        var at = _code.Address;
        for (; index > 0; index--)
        {
            at = (nint)Decode(at).Instruction.NextIP;
        }

        return Decode(at).Instruction.ToString();
    }

    /// <summary>Calls a function of the code and checks that it leaves what is its caller's.</summary>
    /// <param name="start">Where in the code it begins.</param>
    /// <param name="windows">Whether it has the convention of Windows, not of System V.</param>
    /// <param name="arguments">Up to three.</param>
    /// <exception cref="InterpretationException">With the address and the instruction.</exception>
    public void Call(int start, bool windows, params ReadOnlySpan<nint> arguments)
    {
        var random = new Random(start);
        random.NextBytes(MemoryMarshal.AsBytes(_general.AsSpan()));
        random.NextBytes(MemoryMarshal.AsBytes(_vectors.AsSpan()));
        _isZero = null;
        Register[] order = windows ? [Register.RCX, Register.RDX, Register.R8] : [Register.RDI, Register.RSI, Register.RDX];
        for (var i = 0; i < arguments.Length; i++)
        {
            General(order[i]) = arguments[i];
        }

        General(Register.RSP) = _stack.Address + StackBytes - 256;
        var (general, vectors) = (_general.ToArray(), _vectors.ToArray());
        Push(0);
        Run(_code.Address + start);
        Register[] kept = [Register.RSP, Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
        foreach (var register in windows ? [.. kept, Register.RSI, Register.RDI] : kept)
        {
            Check(General(register) == general[register.GetNumber()], $"{register} is the caller's");
        }

        for (var i = 6; windows && i < 16; i++)
        {
            Check(Vector(i, 4).SequenceEqual(vectors.AsSpan(i * VectorDwords, 4)), $"XMM{i} is the caller's");
        }
    }

    public void Dispose()
    {
        _code.Dispose();
        _stack.Dispose();
    }

    private static void Check(bool isTrue, string message)
    {
        if (!isTrue)
        {
            throw new InterpretationException(message);
        }
    }

    private void Lend()
    {
        Memory.Lend(_code, isWritable: false, "code");
        Memory.Lend(_stack, isWritable: true, "stack");
    }

    private void Run(long at)
    {
        for (var steps = 0; at != 0; steps++)
        {
            if (!_steps.TryGetValue(at, out var step))
            {
                _steps.Add(at, step = Decode(at));
            }

            try
            {
                Check(steps < MostSteps, "does not end");
                at = step.Run();
            }
            catch (InterpretationException e)
            {
                throw new InterpretationException($"at {at - _code.Address:x}, {step.Instruction}: {e.Message}");
            }
        }
    }

    private (Instruction Instruction, Func<long> Run) Decode(long at)
    {
        var offset = at - _code.Address;
        Check(offset >= 0 && offset < _code.Length, $"jumps to {offset:x}, outside the code");
        var bytes = new Span<byte>((void*)at, (int)Math.Min(15, _code.Length - offset)).ToArray();
        var i = Decoder.Create(64, new ByteArrayCodeReader(bytes), (ulong)at).Decode();
        try
        {
            Check(i.Code != Code.INVALID && i.Length <= bytes.Length, "is no instruction");
            Check(!i.HasOpMask && !i.ZeroingMasking && !i.SuppressAllExceptions && i.RoundingControl == RoundingControl.None, "masks and rounding are not known");
            Check(i.SegmentPrefix == Register.None && !i.HasLockPrefix && !i.HasRepPrefix && !i.HasRepnePrefix, "prefixes are not known");
            return (i, i.Op0Register.IsVectorRegister() || (i.OpCount > 1 && i.Op1Register.IsVectorRegister()) ? CompileVector(i) : CompileGeneral(i));
        }
        catch (InterpretationException e)
        {
            throw new InterpretationException($"at {offset:x}, {i}: {e.Message}");
        }
    }

    private Func<long> CompileGeneral(Instruction i)
    {
        var next = (long)i.NextIP;
        long Flags(long result)
        {
            _isZero = result == 0;
            return next;
        }

        bool IsZero() => _isZero ?? throw new InterpretationException("nothing set the flags");
        switch (i.Mnemonic)
        {
            case Mnemonic.Nop when i.Code == Code.Nopd || i.Code == Code.Nopw || i.Code == Code.Nopq:
            case Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1: // touches nothing, wherever it points
                return () => next;
            case Mnemonic.Vzeroupper:
                return () =>
                {
                    for (var register = 0; register < 16; register++)
                    {
                        Vector(register, VectorDwords)[4..].Clear();
                    }

                    return next;
                };
            case Mnemonic.Ret when i.Code == Code.Retnq:
                return Pop;
            case Mnemonic.Call when i.Op0Kind == OpKind.NearBranch64:
                return () =>
                {
                    Check(General(Register.RSP) % 16 == 0, "calls with a stack that is not aligned");
                    Push(next);
                    return (long)i.NearBranchTarget;
                };
            case Mnemonic.Mov when i.Op0Kind == OpKind.Memory && i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR64():
                return () =>
                {
                    *(long*)Memory.At(Address(i), sizeof(long), write: true) = General(i.Op1Register);
                    return next;
                };
            case Mnemonic.Jmp when i.Op0Kind == OpKind.NearBranch64:
                return () => (long)i.NearBranchTarget;
            case Mnemonic.Je when i.Op0Kind == OpKind.NearBranch64:
                return () => IsZero() ? (long)i.NearBranchTarget : next;
            case Mnemonic.Jne when i.Op0Kind == OpKind.NearBranch64:
                return () => IsZero() ? next : (long)i.NearBranchTarget;
        }

        Check(i.Mnemonic is Mnemonic.Mov or Mnemonic.Lea or Mnemonic.Add or Mnemonic.Sub or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test, "is not known");
        Check(i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR64(), "only 64-bit registers are known as destinations");
        var to = i.Op0Register;
        var source = i.Mnemonic == Mnemonic.Lea ? (() => Address(i)) : Source64(i);
        return i.Mnemonic switch
        {
            Mnemonic.Mov or Mnemonic.Lea => () =>
            {
                General(to) = source();
                return next;
            },
            Mnemonic.Add => () => Flags(General(to) += source()),
            Mnemonic.Sub => () => Flags(General(to) -= source()),
            Mnemonic.Xor => () => Flags(General(to) ^= source()),
            Mnemonic.Cmp => () => Flags(General(to) - source()),
            _ => () => Flags(General(to) & source()),
        };
    }

    private void Push(long value)
    {
        General(Register.RSP) -= sizeof(long);
        *(long*)Memory.At(General(Register.RSP), sizeof(long), write: true) = value;
    }

    private long Pop()
    {
        var value = *(long*)Memory.At(General(Register.RSP), sizeof(long), write: false);
        General(Register.RSP) += sizeof(long);
        return value;
    }

    private Func<long> Source64(Instruction i)
    {
        Check(i.OpCount == 2, "is not known");
        switch (i.Op1Kind)
        {
            case OpKind.Register:
                Check(i.Op1Register.IsGPR64(), "only 64-bit registers are known");
                return () => General(i.Op1Register);
            case OpKind.Immediate32to64:
                return () => i.Immediate32to64;
            default:
                Check(i.Op1Kind == OpKind.Memory && i.MemorySize is MemorySize.UInt64 or MemorySize.Int64 or MemorySize.QwordOffset, "the operand is not known");
                return () => *(long*)Memory.At(Address(i), sizeof(long), write: false);
        }
    }

    private Func<long> CompileVector(Instruction i)
    {
        var next = (long)i.NextIP;
        var immediate = i.OpCount > 1 && i.GetOpKind(i.OpCount - 1) == OpKind.Immediate8 ? i.Immediate8 : (byte)0;
        var sources = i.OpCount - 1 - (i.OpCount > 1 && i.GetOpKind(i.OpCount - 1) == OpKind.Immediate8 ? 1 : 0);
        Check(sources is 1 or 2, "so many operands are not known");
        var dwords = (i.Op0Kind == OpKind.Register ? i.Op0Register : i.Op1Register).GetSize() / sizeof(uint);
        var whole = Whole(i.Mnemonic);
        Check(whole != null || LaneSemantics.Table.ContainsKey(i.Mnemonic), "is not known");
        var lane = whole is null ? LaneSemantics.Table[i.Mnemonic] : null;
        if (i.Mnemonic is Mnemonic.Vmovdqa or Mnemonic.Vmovdqa64)
        {
            Check(i.Op1Kind == OpKind.Register, "aligned access to memory is not known");
        }

        return () =>
        {
            Span<uint> a = stackalloc uint[VectorDwords];
            Span<uint> b = stackalloc uint[VectorDwords];
            Span<uint> result = stackalloc uint[VectorDwords];
            ReadVector(i, 1, a[..dwords]);
            if (sources == 2)
            {
                ReadVector(i, 2, b[..dwords]);
            }

            if (whole != null)
            {
                whole(a[..dwords], b[..dwords], result[..dwords], immediate);
            }
            else
            {
                var before = i.Op0Kind == OpKind.Register ? Vector(i.Op0Register.GetNumber(), dwords) : a;
                for (var n = 0; n < dwords; n++)
                {
                    result[n] = lane!(before[n], a[n], b[n], immediate);
                }
            }

            if (i.Op0Kind == OpKind.Memory)
            {
                result[..dwords].CopyTo(new Span<uint>(Memory.At(Address(i), dwords * sizeof(uint), write: true), dwords));
                return next;
            }

            // what a narrower instruction does not write becomes zero
            var to = Vector(i.Op0Register.GetNumber(), VectorDwords);
            to.Clear();
            result[..dwords].CopyTo(to);
            return next;
        };
    }

    private delegate void WholeVector(ReadOnlySpan<uint> a, ReadOnlySpan<uint> b, Span<uint> result, byte immediate);

    /// <summary>The instructions whose lanes read other lanes.</summary>
    private static WholeVector? Whole(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Vpbroadcastd => (a, _, result, _) => result.Fill(a[0]),
        Mnemonic.Vcvtph2ps => (a, _, result, _) =>
        {
            var halves = MemoryMarshal.Cast<uint, Half>(a);
            for (var n = 0; n < result.Length; n++)
            {
                result[n] = BitConverter.SingleToUInt32Bits((float)halves[n]);
            }
        },
        Mnemonic.Vpmovsxbd => (a, _, result, _) =>
        {
            var bytes = MemoryMarshal.Cast<uint, sbyte>(a);
            for (var n = 0; n < result.Length; n++)
            {
                result[n] = (uint)bytes[n];
            }
        },
        Mnemonic.Vpshufd => (a, _, result, order) =>
        {
            for (var n = 0; n < result.Length; n++)
            {
                result[n] = a[(n & ~3) + ((order >> (2 * (n & 3))) & 3)];
            }
        },
        Mnemonic.Vpermq => (a, _, result, order) =>
        {
            for (var n = 0; n < result.Length; n++)
            {
                result[n] = a[(n & ~7) + (2 * ((order >> (2 * ((n >> 1) & 3))) & 3)) + (n & 1)];
            }
        },
        Mnemonic.Vpshufb => (a, b, result, _) =>
        {
            var table = MemoryMarshal.AsBytes(a);
            var codes = MemoryMarshal.AsBytes(b);
            var to = MemoryMarshal.AsBytes(result);
            for (var n = 0; n < to.Length; n++)
            {
                to[n] = (codes[n] & 128) != 0 ? (byte)0 : table[(n & ~15) + (codes[n] & 15)];
            }
        },
        _ => null,
    };

    /// <summary>An operand: a register, memory, or a dword of memory for every lane. Memory that is smaller than the vector fills its beginning.</summary>
    private void ReadVector(Instruction i, int operand, Span<uint> into)
    {
        if (i.GetOpKind(operand) == OpKind.Register)
        {
            var register = i.GetOpRegister(operand);
            Check(register.IsVectorRegister(), "the operand is not known");
            Vector(register.GetNumber(), into.Length).CopyTo(into);
            return;
        }

        Check(i.GetOpKind(operand) == OpKind.Memory, "the operand is not known");
        if (i.IsBroadcast)
        {
            into.Fill(*(uint*)Memory.At(Address(i), sizeof(uint), write: false));
            return;
        }

        var size = i.MemorySize.GetSize();
        new Span<byte>(Memory.At(Address(i), size, write: false), size).CopyTo(MemoryMarshal.AsBytes(into));
    }

    private long Address(Instruction i)
    {
        if (i.IsIPRelativeMemoryOperand)
        {
            return (long)i.IPRelativeMemoryAddress;
        }

        Check(i.MemoryBase.IsGPR64() && (i.MemoryIndex == Register.None || i.MemoryIndex.IsGPR64()), "the address is not known");
        return General(i.MemoryBase) + (i.MemoryIndex == Register.None ? 0 : General(i.MemoryIndex) * i.MemoryIndexScale) + (long)i.MemoryDisplacement64;
    }

    private ref long General(Register register) => ref _general[register.GetNumber()];

    private Span<uint> Vector(int register, int dwords) => _vectors.AsSpan(register * VectorDwords, dwords);
}
