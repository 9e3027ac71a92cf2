namespace Abi.Llm.Downloads;

/// <summary>An answer, with what the redirects on the way said of the file.</summary>
internal sealed class HttpAnswer(HttpResponseMessage response, string? sha256, long? linkedLength) : IDisposable
{
    public HttpResponseMessage Response { get; } = response;

    /// <summary>The file's SHA-256 in lower-case hexadecimal, where a server named it.</summary>
    public string? Sha256 { get; } = sha256;

    /// <summary>The file's whole size, where a server named it.</summary>
    public long? ByteLength { get; } = linkedLength ?? response.Content.Headers.ContentRange?.Length ?? (response.StatusCode == System.Net.HttpStatusCode.OK ? response.Content.Headers.ContentLength : null);

    /// <summary>What says that the file is still the same one: a strong tag, or the time of its last change.</summary>
    public string? Validator { get; } = response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : response.Content.Headers.LastModified?.ToString("R", System.Globalization.CultureInfo.InvariantCulture);

    public void Dispose() => Response.Dispose();
}
