using System.Runtime.InteropServices;

namespace Abi.Database.Indexes;

/// <summary>How thoroughly to search.</summary>
/// <param name="IsExact">Compare every vector.</param>
/// <param name="Effort">ef of the walk, or 0 to choose.</param>
/// <param name="Recall">The recall to reach, or 0 for the usual effort.</param>
/// <param name="Threads">How many threads a large scan may use.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SearchEffort(bool IsExact, int Effort, double Recall, int Threads);
