namespace Abi.Llm.Downloads;

/// <summary>A file that can be downloaded.</summary>
/// <param name="Name">The file's name, without folders.</param>
/// <param name="Url">Where it is.</param>
/// <param name="ByteLength">Its size, where it is known before the download.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal, where it is known before the download.</param>
public sealed record RemoteFile(string Name, Uri Url, long? ByteLength = null, string? Sha256 = null);
