namespace Abi.Llm.Downloads;

/// <summary>A file in a repository's list.</summary>
/// <param name="Path">Its path, with <c>/</c>.</param>
/// <param name="ByteLength">Its size, where the list names it.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal, where the list names it.</param>
internal sealed record RepositoryFile(string Path, long? ByteLength, string? Sha256);
