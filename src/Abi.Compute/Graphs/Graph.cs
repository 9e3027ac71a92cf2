using System.Collections.Immutable;

namespace Abi.Compute.Graphs;

/// <summary>The forward pass of a model, stated once: operations in order, named values between them, the state they keep, and the values that callers read.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class Graph
{
    internal Graph(ImmutableArray<Value> values, ImmutableArray<Operation> operations, StateLayout state, ImmutableArray<Value> outputs, int blocks, ImmutableArray<GraphPoint> points)
    {
        Values = values;
        Operations = operations;
        State = state;
        Outputs = outputs;
        Blocks = blocks;
        Points = points;
    }

    /// <summary>Every value, by id.</summary>
    public ImmutableArray<Value> Values { get; }

    /// <summary>Every operation, in an order in which each reads only what earlier ones made.</summary>
    public ImmutableArray<Operation> Operations { get; }

    /// <summary>What is kept between steps.</summary>
    public StateLayout State { get; }

    /// <summary>The values that callers read after a step; all observed.</summary>
    public ImmutableArray<Value> Outputs { get; }

    /// <summary>The places that hooks may look into (<see cref="Hooks.HookedGraph"/>), in the order of computing.</summary>
    public ImmutableArray<GraphPoint> Points { get; }

    /// <summary>The number of blocks; cancellation is looked at between them.</summary>
    public int Blocks { get; }

    /// <summary>The value with this name, or null.</summary>
    public Value? Find(string name) => Values.FirstOrDefault(value => string.Equals(value.Name, name, StringComparison.Ordinal));
}
