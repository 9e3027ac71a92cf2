namespace Abi.Compute.Cpu.Plans;

/// <summary>An operation in which every row of the result depends on the same row of its inputs only, so that several in a row are one stage.</summary>
internal abstract class RowOperation
{
    /// <summary>What it does, as plans print it.</summary>
    public abstract string Name { get; }

    /// <summary>About how many floats it touches in a row.</summary>
    public abstract int Cost { get; }

    /// <summary>Computes rows [first, end).</summary>
    public abstract void Run(StepFrame frame, int first, int end, int worker);

    /// <summary>The bytes of scratch that a worker needs.</summary>
    public virtual int ScratchBytes => 0;
}
