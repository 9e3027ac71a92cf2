using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// The vectors that the processor has and the system saves. Where .NET compiles as the program runs, it knows, and it also knows what was turned off; a program that was compiled ahead of time knows only what it was
/// compiled for, so that the processor itself is asked there (Intel's Software Developer's Manual, volume 1, 14.3 and 15.2).
/// </summary>
internal static unsafe class ProcessorFeatures
{
    private const ulong Vectors256 = 0x06;
    private const ulong Vectors512 = 0xE6;

    /// <summary>The registers that the system saves; asked by machine code, so only where such code is wanted.</summary>
    private static readonly Lazy<ulong> Saved = new(AskSaved);

    /// <summary>Whether AVX2 and FMA may be used.</summary>
    public static bool HasAvx2 => RuntimeFeature.IsDynamicCodeCompiled ? Avx2.IsSupported && Fma.IsSupported : IsWider && Saves(Vectors256);

    /// <summary>Whether AVX-512 F and BW may be used.</summary>
    public static bool HasAvx512 => RuntimeFeature.IsDynamicCodeCompiled ? Avx512F.IsSupported && Avx512BW.IsSupported : Has(7, 0).Ebx.HasBit(16) && Has(7, 0).Ebx.HasBit(30) && Saves(Vectors512);

    /// <summary>Whether this program was compiled ahead of time for processors without AVX2, which this one has.</summary>
    public static bool IsCompiledForLess => !RuntimeFeature.IsDynamicCodeCompiled && !Vector256.IsHardwareAccelerated && IsWider;

    private static bool IsWider => Has(1, 0).Ecx.HasBit(12) && Has(7, 0).Ebx.HasBit(5);

    /// <summary>Whether the processor has VNNI of 512 bits, which only those of <see cref="HasAvx512"/> can use.</summary>
    public static bool HasVnni => Has(7, 0).Ecx.HasBit(11);

    /// <summary>Whether the processor has VNNI of 256 bits in VEX form, which those of <see cref="HasAvx2"/> can use.</summary>
    public static bool HasAvxVnni => RuntimeFeature.IsDynamicCodeCompiled ? AvxVnni.IsSupported : Has(7, 0).Eax >= 1 && Has(7, 1).Eax.HasBit(4);

    /// <summary>Whether the processor has the bfloat16 products of AVX-512.</summary>
    public static bool HasBf16 => Has(7, 0).Eax >= 1 && Has(7, 1).Eax.HasBit(5);

    /// <summary>Whether the processor turns halves into floats.</summary>
    public static bool HasHalves => Has(1, 0).Ecx.HasBit(29);

    /// <summary>Whether this is an AMD Zen 4: of family 19h, which Zen 3 belongs to as well, the models 10h to 1Fh, 60h to 7Fh and A0h to AFh (AMD's Processor Programming References).</summary>
    public static bool IsZen4 => IsAmd && Family == 0x19 && Model is (>= 0x10 and <= 0x1F) or (>= 0x60 and <= 0x7F) or (>= 0xA0 and <= 0xAF);

    private static bool IsAmd => Has(0, 0).Ebx == 0x68747541; // "Auth", of AuthenticAMD

    private static int Family => Field(8, 4) + (Field(8, 4) == 15 ? Field(20, 8) : 0);

    private static int Model => Field(4, 4) + (Field(16, 4) << 4);

    /// <summary>Leaf and subleaf of the processor's description of itself; zeros where there is no such leaf.</summary>
    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Has(int leaf, int subleaf)
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < leaf)
        {
            return default;
        }

        var (eax, ebx, ecx, edx) = X86Base.CpuId(leaf, subleaf);
        return ((uint)eax, (uint)ebx, (uint)ecx, (uint)edx);
    }

    /// <summary>Bits of what the processor says of its family and model.</summary>
    private static int Field(int bit, int bits) => (int)(Has(1, 0).Eax >> bit) & ((1 << bits) - 1);

    /// <summary>Whether the system keeps these registers when it gives the processor to another thread.</summary>
    private static bool Saves(ulong registers) => (Saved.Value & registers) == registers;

    private static ulong AskSaved()
    {
        const int Osxsave = 27;
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !Has(1, 0).Ecx.HasBit(Osxsave))
        {
            return 0;
        }

        // xor ecx, ecx; xgetbv; shl rdx, 32; or rax, rdx; ret: .NET has no such instruction.
        ReadOnlySpan<byte> code = [0x31, 0xC9, 0x0F, 0x01, 0xD0, 0x48, 0xC1, 0xE2, 0x20, 0x48, 0x09, 0xD0, 0xC3];
        var ask = (delegate* unmanaged<ulong>)CodePages.TryPlace(code);
        return ask == null ? 0 : ask();
    }

    private static bool HasBit(this uint bits, int bit) => ((bits >> bit) & 1) != 0;
}
