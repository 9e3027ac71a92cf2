using Abi.Compute.Cpu.Products.Emission;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>A function of System V run both ways: interpreted, and where this process may, by the processor.</summary>
internal static unsafe class EmittedFunction
{
    /// <summary>Whether the processor runs what was written for it.</summary>
    /// <param name="narrow">Whether that is 256 bits.</param>
    /// <param name="vnni">Whether it then has VNNI.</param>
    public static bool CanRun(bool narrow, bool vnni = false) => (Emitter.HasVnni512 || (narrow && Emitter.HasAvx2)) && (!vnni || ProcessorFeatures.HasAvxVnni);

    /// <summary>Places code to be run, from its first byte on.</summary>
    public static byte* Place(byte[] code)
    {
        int[] starts = [0];
        if (OperatingSystem.IsWindows())
        {
            (code, starts) = WindowsEntries.Add(code, starts);
        }

        var placed = CodePages.TryPlace(code);
        return placed != null ? placed + starts[0] : throw new InvalidOperationException("This system places no code.");
    }

    /// <summary>Runs placed code.</summary>
    public static void Run(byte* function, void* argument) => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)function)(argument);
}
