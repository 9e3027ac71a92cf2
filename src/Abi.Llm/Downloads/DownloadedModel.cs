using System.Collections.Immutable;

namespace Abi.Llm.Downloads;

/// <summary>A model that was downloaded.</summary>
/// <param name="Path">The file to load; of a split model, the first part.</param>
/// <param name="Files">All files.</param>
public sealed record DownloadedModel(string Path, ImmutableArray<DownloadedFile> Files);
