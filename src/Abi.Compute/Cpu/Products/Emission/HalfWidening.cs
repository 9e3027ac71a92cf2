using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>Half precision made float32 by the instruction for it, which .NET does not have for vectors; believed only after it has been right for every number.</summary>
internal sealed unsafe class HalfWidening
{
    private const int Together = 32; // numbers of a turn

    private readonly delegate* unmanaged[SuppressGCTransition]<Half*, float*, nint, void> _function;

    private HalfWidening(nint function) => _function = (delegate* unmanaged[SuppressGCTransition]<Half*, float*, nint, void>)function;

    /// <summary>The code of this process, or null where it cannot be made or does not do what it should.</summary>
    public static HalfWidening? Emitted { get; } = TryCreate();

    /// <summary>Widens [count] numbers, a multiple of 32; some thousands at most, because the runtime cannot stop the thread meanwhile.</summary>
    public void Widen(Half* from, float* to, int count) => _function(from, to, count / Together);

    /// <summary>Writes the function: <c>void (Half*, float*, nint)</c> in the convention of System V.</summary>
    /// <param name="to">Where to.</param>
    internal static void Write(Assembler to)
    {
        var loop = to.Length;
        for (var i = 0; i < Together / to.Lanes; i++)
        {
            to.LoadHalves(i, Register.Rdi, sizeof(ushort) * to.Lanes * i);
        }

        for (var i = 0; i < Together / to.Lanes; i++)
        {
            to.Store(Register.Rsi, sizeof(float) * to.Lanes * i, i);
        }

        to.Add(Register.Rdi, sizeof(ushort) * Together);
        to.Add(Register.Rsi, sizeof(float) * Together);
        to.Add(Register.Rdx, -1);
        to.JumpIfNotZero(loop);
        to.ZeroUpper();
        to.Return();
    }

    private static HalfWidening? TryCreate()
    {
        if (Emitter.Path is null)
        {
            return null;
        }

        var assembler = Emitter.CreateAssembler();
        Write(assembler);
        return Emitter.Keep("half_widening", TensorType.F16, assembler.ToArray(), [0], static functions => new HalfWidening(functions[0]), static made => made.IsRight());
    }

    private bool IsRight()
    {
        const int all = 1 << 16;
        using var halves = new NativeBuffer(all * sizeof(ushort));
        using var floats = new NativeBuffer(all * sizeof(float));
        var from = (ushort*)halves.Address;
        var to = (float*)floats.Address;
        for (var i = 0; i < all; i++)
        {
            from[i] = (ushort)i;
        }

        Widen((Half*)from, to, all);
        for (var i = 0; i < all; i++)
        {
            var expected = (float)BitConverter.UInt16BitsToHalf((ushort)i);
            if (float.IsNaN(expected) ? !float.IsNaN(to[i]) : BitConverter.SingleToInt32Bits(expected) != BitConverter.SingleToInt32Bits(to[i]))
            {
                return false;
            }
        }

        return true;
    }
}
