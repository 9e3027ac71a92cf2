namespace Abi.Compute.Cpu.Plans;

/// <summary>Matrices of the same height that are computed range by range together (a gate and what it gates), and what is done to each range at once.</summary>
/// <param name="Parts">The matrices.</param>
/// <param name="Epilogue">What follows for the same columns, in order.</param>
internal sealed record ProductGroup(List<ProductPart> Parts, List<ElementOperation> Epilogue)
{
    /// <summary>The outputs of each matrix.</summary>
    public int Outputs => Parts[0].Matrix.Rows;

    /// <summary>What ranges must begin at a multiple of.</summary>
    public int Granularity => Parts.Max(part => part.Matrix.Granularity);

    /// <summary>What it is, in words.</summary>
    public override string ToString()
    {
        var text = string.Join(" + ", Parts.Select(part => $"{part.Output.Name} [{part.Matrix.Rows} × {part.Matrix.Columns}, {part.Matrix.Form}]"));
        return Epilogue.Count == 0 ? text : $"{text} then {string.Join(", ", Epilogue.Select(operation => operation.Name))}";
    }
}
