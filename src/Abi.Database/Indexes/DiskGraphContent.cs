using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>What a graph on disk keeps in memory.</summary>
/// <param name="Quantizer">What the codes mean: vectors in the form of <see cref="EuclideanForm"/>.</param>
/// <param name="Codes">A code a slot.</param>
/// <param name="Entry">The slot where walks begin.</param>
/// <param name="Links">R: the links of a node, at most.</param>
/// <param name="TrainedFor">How many vectors there were when the codes were learnt.</param>
/// <param name="Longest">The norm of the longest vector, for the dot product.</param>
internal sealed record DiskGraphContent(ProductQuantizer Quantizer, NativeColumn Codes, int Entry, int Links, int TrainedFor, float Longest);
