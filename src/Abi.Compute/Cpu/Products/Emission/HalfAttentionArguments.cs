using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What one call of a function of <see cref="HalfAttentionProgram"/> reads. Emitted code knows the offsets of the fields.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HalfAttentionArguments
{
    /// <summary>The keys of a page, [Count, 32], or the values' columns of a pass, one every Stride bytes: halves.</summary>
    public Half* Page;

    /// <summary>As far in the page that is read next: as many lines of it are asked for.</summary>
    public byte* Ahead;

    /// <summary>What the halves are multiplied with: queries [Count, 8], or weights [queries, 256] from the first position on.</summary>
    public float* Factors;

    /// <summary>Where results go: scores [queries, 256], or sums, the next query's ToStride bytes on.</summary>
    public float* To;

    /// <summary>The columns of a key or the positions of values, at least 1.</summary>
    public nint Count;

    /// <summary>From one position's values to the next one's, in bytes.</summary>
    public nint Stride;

    /// <summary>From one query's sums to the next one's, in bytes.</summary>
    public nint ToStride;
}
