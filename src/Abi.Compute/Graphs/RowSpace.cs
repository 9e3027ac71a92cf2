namespace Abi.Compute.Graphs;

/// <summary>What the rows of a value stand for. How many there are is known only at a step.</summary>
public enum RowSpace
{
    /// <summary>One row for each token of the step.</summary>
    Tokens,

    /// <summary>One row for each token whose output the caller asked for.</summary>
    Outputs,

    /// <summary>One row for each sequence of the step.</summary>
    Sequences,
}
