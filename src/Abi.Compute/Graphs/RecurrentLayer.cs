namespace Abi.Compute.Graphs;

/// <summary>A layer of recurrent state: a fixed block of floats for each sequence, zero at the start, replaced at every step.</summary>
/// <param name="Index">The layer's number in the state layout, from 0.</param>
/// <param name="Floats">The floats of one sequence.</param>
public sealed record RecurrentLayer(int Index, int Floats);
