namespace Abi.Compute.Cpu.Products;

/// <summary>The names of the ways that a kernel is written for.</summary>
internal static class KernelPath
{
    public const string EmittedAvx512 = "emitted_avx512";

    public const string EmittedAvxVnni = "emitted_avx_vnni";

    public const string EmittedAvx2 = "emitted_avx2";

    public const string Avx512 = "avx512";

    public const string AvxVnni = "avx_vnni";

    public const string Avx2 = "avx2";

    /// <summary>ARM's product of four bytes (FEAT_DotProd), vectors of 128 bits.</summary>
    public const string ArmDot = "arm_dot";

    /// <summary>What every ARM processor of 64 bits has, vectors of 128 bits.</summary>
    public const string Arm = "arm";

    /// <summary>Vectors of 128 bits, which every processor has or .NET takes the place of.</summary>
    public const string Portable = "portable";

    /// <summary>One step after the other: a definition.</summary>
    public const string Scalar = "scalar";
}
