namespace Abi.Database.Exchange;

/// <summary>Formats by the endings of files.</summary>
internal static class Formats
{
    public static ExchangeFormat Of(string path, ExchangeFormat format) => format != ExchangeFormat.Automatic ? format : Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".npy" => ExchangeFormat.Npy,
        ".fvecs" => ExchangeFormat.Fvecs,
        ".jsonl" or ".ndjson" => ExchangeFormat.JsonLines,
        var other => throw new ExchangeException($"the ending '{other}' tells no format; .npy, .fvecs or .jsonl was expected, or the format itself.", path),
    };
}
