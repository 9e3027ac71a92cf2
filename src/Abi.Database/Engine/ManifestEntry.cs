using Abi.Database.Schema;

namespace Abi.Database.Engine;

/// <summary>A collection in the manifest.</summary>
/// <param name="Schema">Its definition.</param>
/// <param name="Sequence">The commit that its files hold.</param>
/// <param name="Rows">Its rows file with the checksum of the header; null while it never had a record.</param>
/// <param name="Graphs">For each vector field its graph file, or null.</param>
internal sealed record ManifestEntry(CollectionSchema Schema, long Sequence, (string Name, uint Checksum)? Rows, IReadOnlyList<(string Name, uint Checksum)?> Graphs);
