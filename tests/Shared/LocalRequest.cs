namespace Abi.Testing;

/// <summary>What a client asked a <see cref="LocalServer"/> for.</summary>
internal sealed record LocalRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The first byte asked for; 0 for all.</summary>
    public int RangeStart => Headers.TryGetValue("Range", out var range) ? int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture) : 0;
}
