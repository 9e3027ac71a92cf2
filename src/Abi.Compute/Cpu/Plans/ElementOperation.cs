namespace Abi.Compute.Cpu.Plans;

/// <summary>An operation on single elements of a row: any range of columns can be computed alone, at the end of the product that makes it.</summary>
internal abstract class ElementOperation(string name, Slot result) : RowOperation
{
    public override string Name => name;

    public override int Cost => Result.Width;

    /// <summary>Where the result goes.</summary>
    protected Slot Result { get; } = result;

    /// <summary>Computes columns [first, first + count) of a row.</summary>
    public abstract void Apply(StepFrame frame, int row, int first, int count);

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            Apply(frame, row, 0, Result.Width);
        }
    }
}
