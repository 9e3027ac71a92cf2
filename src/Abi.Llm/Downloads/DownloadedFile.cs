namespace Abi.Llm.Downloads;

/// <summary>A file that was downloaded, or was there already.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Url">Where it came from.</param>
/// <param name="ByteLength">Its size.</param>
/// <param name="Sha256">The SHA-256 that it was checked against, in lower-case hexadecimal; null when the server names none.</param>
/// <param name="WasPresent">Whether it was there before, whole and unchanged.</param>
public sealed record DownloadedFile(string Path, Uri Url, long ByteLength, string? Sha256, bool WasPresent);
