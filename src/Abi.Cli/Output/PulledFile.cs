namespace Abi.Cli.Output;

/// <summary>A file that <c>pull</c> brought or found.</summary>
internal sealed record PulledFile(string Path, string Url, long Size, string? Sha256, bool WasPresent);
