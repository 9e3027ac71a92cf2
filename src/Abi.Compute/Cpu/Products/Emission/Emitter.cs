using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// Whether this process writes machine code for kernels that .NET has no instructions for. On by default where it has been run: x86-64 with Linux, and with Windows' convention (.NET for Windows under Wine). The variable
/// <c>ABI_EMIT</c> or the switch <c>Abi.Compute.Emit</c> turns it off (<c>0</c>, <c>false</c>) or on elsewhere (<c>1</c>, <c>true</c>).
/// </summary>
internal static unsafe class Emitter
{
    private static readonly ConcurrentDictionary<(string Kernel, TensorType Format), EmissionOutcome> Made = new();

    /// <summary>Whether 512-bit VNNI code may be made.</summary>
    public static bool HasVnni512 { get; } = Wanted() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && ProcessorFeatures.HasAvx512 && ProcessorFeatures.HasVnni;

    /// <summary>Whether 256-bit code of AVX2, FMA and F16C may be made, on a machine for which none of 512 bits is made.</summary>
    public static bool HasAvx2 { get; } = Wanted() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && !ProcessorFeatures.HasAvx512 && ProcessorFeatures.HasAvx2 && ProcessorFeatures.HasHalves;

    /// <summary>Whether that code may also have VNNI of 256 bits.</summary>
    public static bool HasVnni256 { get; } = HasAvx2 && ProcessorFeatures.HasAvxVnni;

    /// <summary>Whether code of AVX512_BF16 may be made.</summary>
    public static bool HasBf16 { get; } = HasVnni512 && ProcessorFeatures.HasBf16;

    /// <summary>The name of the way that kernels are written for here; null where none are.</summary>
    public static string? Path => HasVnni512 ? KernelPath.EmittedAvx512 : HasVnni256 ? KernelPath.EmittedAvxVnni : HasAvx2 ? KernelPath.EmittedAvx2 : null;

    /// <summary>An assembler for the vectors that code is made for here.</summary>
    public static Assembler CreateAssembler() => new(narrow: !HasVnni512, vnni: HasVnni256);

    /// <summary>What became of the kernels that were written so far.</summary>
    public static IEnumerable<EmittedKernel> Outcomes => Made.Select(static made => new EmittedKernel(made.Key.Kernel, made.Key.Format, made.Value));

    /// <summary>Puts a kernel's code where it can run and keeps it when it does what it should; says what became of it.</summary>
    /// <param name="kernel">The kernel's name.</param>
    /// <param name="format">What it reads.</param>
    /// <param name="code">The code, in the convention of System V.</param>
    /// <param name="starts">Where in it functions begin.</param>
    /// <param name="make">Makes the kernel of the functions.</param>
    /// <param name="isRight">Compares it with its definition.</param>
    /// <returns>The kernel, or null where it cannot be used.</returns>
    public static TKernel? Keep<TKernel>(string kernel, TensorType format, byte[] code, int[] starts, Func<nint[], TKernel> make, Func<TKernel, bool> isRight)
        where TKernel : class
    {
        if (OperatingSystem.IsWindows())
        {
            (code, starts) = WindowsEntries.Add(code, starts);
        }

        var placed = (nint)CodePages.TryPlace(code);
        var made = placed == 0 ? null : make(Array.ConvertAll(starts, start => placed + start));
        var outcome = made is null ? EmissionOutcome.Forbidden : isRight(made) ? EmissionOutcome.Used : EmissionOutcome.Wrong;
        Made[(kernel, format)] = outcome;
        return outcome == EmissionOutcome.Used ? made : null;
    }

    private static bool Wanted()
    {
        if (Environment.GetEnvironmentVariable("ABI_EMIT") is { Length: > 0 } variable)
        {
            return variable is not ("0" or "false");
        }

        return AppContext.TryGetSwitch("Abi.Compute.Emit", out var enabled) ? enabled : OperatingSystem.IsLinux() || OperatingSystem.IsWindows();
    }
}
