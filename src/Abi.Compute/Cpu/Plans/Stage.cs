using Abi.Compute.Cpu.Threading;

namespace Abi.Compute.Cpu.Plans;

/// <summary>One dispatch of a plan: chunks that do not depend on each other, after all stages before it.</summary>
internal abstract class Stage(StepFrame frame, int block) : ITeamWork
{
    /// <summary>The block of the model that it begins in.</summary>
    public int Block { get; } = block;

    protected StepFrame Frame { get; } = frame;

    /// <summary>Looks at the step and cuts the work: the number of chunks, 1 for what the caller does alone, 0 for nothing.</summary>
    public abstract int Prepare();

    /// <inheritdoc/>
    public abstract void Execute(int chunk, int worker);

    /// <inheritdoc/>
    public virtual bool WhileWaiting(int worker, int turn) => false;

    /// <summary>What it does, in one line.</summary>
    public abstract string Describe();

    /// <summary>The bytes of scratch that each worker needs for a step of so many rows.</summary>
    public virtual long WorkerScratchBytes(int rows) => 0;
}
