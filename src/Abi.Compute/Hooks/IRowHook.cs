using Abi.Compute.Graphs;

namespace Abi.Compute.Hooks;

/// <summary>Code that looks at rows of one sequence while a step runs, and may change them.</summary>
/// <remarks>Called by the threads that compute, one call at a time for a sequence. It must not throw: an exception fails the whole step.</remarks>
public interface IRowHook
{
    /// <summary>Whether it is called at a point.</summary>
    bool Observes(GraphPoint point);

    /// <summary>Looks at one row.</summary>
    /// <param name="point">Where.</param>
    /// <param name="position">The token's position in its sequence.</param>
    /// <param name="row">The row, [width]; what is written is what the graph goes on with.</param>
    void Process(GraphPoint point, int position, Span<float> row);
}
