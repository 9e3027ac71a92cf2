namespace Abi.Database.Indexes;

/// <summary>The nodes of a graph, for <see cref="CodeWalk"/>.</summary>
internal unsafe interface ICodeNodes
{
    /// <summary>Is told which nodes come next, so that they can be fetched together.</summary>
    /// <param name="items">Packed <see cref="ScoredSlot"/>s.</param>
    void Ask(ReadOnlySpan<ulong> items);

    /// <summary>Takes a node in.</summary>
    /// <param name="item">The node with its distance by code.</param>
    /// <returns>Its links, -1 behind the last.</returns>
    int* Meet(ulong item);
}
