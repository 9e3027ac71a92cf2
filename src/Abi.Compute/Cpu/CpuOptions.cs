namespace Abi.Compute.Cpu;

/// <summary>How the CPU device works.</summary>
public sealed record CpuOptions
{
    /// <summary>How many threads compute, the caller's own among them; 0 for as many as the process may use processors.</summary>
    public int Threads { get; init; }
}
