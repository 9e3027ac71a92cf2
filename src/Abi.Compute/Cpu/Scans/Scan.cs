using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>An operation with recurrent state, cut into units (channels or heads) that do not depend on each other.</summary>
internal abstract unsafe class Scan
{
    /// <summary>What it does, as plans print it.</summary>
    public abstract string Name { get; }

    /// <summary>How many units there are.</summary>
    public abstract int Units { get; }

    /// <summary>How many units make a chunk that is worth a dispatch for one row.</summary>
    public virtual int UnitsPerChunk => 1;

    /// <summary>The bytes of scratch that a worker needs.</summary>
    public virtual int ScratchBytes => 0;

    /// <summary>Computes a sequence's rows in order for units [first, end).</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="first">The first unit.</param>
    /// <param name="end">The unit after the last.</param>
    /// <param name="before">The layer's state before the step, which stays as it is.</param>
    /// <param name="after">The layer's state after it, to be filled for these units.</param>
    /// <param name="scratch">[<see cref="ScratchBytes"/>].</param>
    public abstract void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch);

    /// <summary>Copies the state of units that lie one after the other.</summary>
    protected static void CopyState(float* before, float* after, int unitFloats, int first, int end)
    {
        var (start, bytes) = ((long)first * unitFloats, (long)(end - first) * unitFloats * sizeof(float));
        Buffer.MemoryCopy(before + start, after + start, bytes, bytes);
    }
}
