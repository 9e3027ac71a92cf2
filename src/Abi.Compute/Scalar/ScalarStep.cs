using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>What an operation works on during one step: the values made so far, the step's inputs, and the state.</summary>
internal sealed class ScalarStep(StepInputs inputs, ScalarState? state, ActivationPrecision activations, float[][] values)
{
    public StepInputs Inputs { get; } = inputs;

    public ActivationPrecision Activations { get; } = activations;

    public ScalarState State => state ?? throw new InvalidOperationException("The graph keeps state, but the step has none.");

    /// <summary>A value's floats: [rows, width].</summary>
    public float[] this[Value value] => values[value.Id];

    /// <summary>The sequence that a row of a value belongs to.</summary>
    public StepSequence Sequence(Value value, int row) => Inputs.SequenceOf(value.Rows, row);

    /// <summary>The position of a row of a value in its sequence.</summary>
    public int Position(Value value, int row) => Inputs.Positions[Inputs.TokenRow(value.Rows, row)];

    /// <summary>How many rows a value has in this step.</summary>
    public int Rows(Value value) => value.Rows switch
    {
        RowSpace.Tokens => Inputs.RowCount,
        RowSpace.Outputs => Inputs.OutputCount,
        _ => Inputs.SequenceCount,
    };
}
