using System.Net;
using System.Net.Http.Headers;

namespace Abi.Llm.Downloads;

/// <summary>Sends requests and follows redirects, so that the token goes to its own server only and what a redirect says of the file is not lost.</summary>
internal sealed class HttpSource(HttpClient client, ModelDownloaderOptions options)
{
    private const int MostRedirects = 10;
    private static readonly ProductInfoHeaderValue UserAgent = new("abi", typeof(HttpSource).Assembly.GetName().Version?.ToString(3) ?? "0");

    /// <summary>Sends a GET; the body of the answer is not read yet.</summary>
    /// <param name="url">The address.</param>
    /// <param name="prepare">Sets headers.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="DownloadException">The redirects lead nowhere.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached, or does not answer.</exception>
    public async Task<HttpAnswer> GetAsync(Uri url, Action<HttpRequestMessage>? prepare, CancellationToken cancellationToken)
    {
        string? sha256 = null;
        long? length = null;
        for (var i = 0; i <= MostRedirects; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.UserAgent.Add(UserAgent);
            prepare?.Invoke(request);
            if (options.Token is { } token && IsEndpoint(url))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            var response = await SendAsync(request, cancellationToken).ConfigureAwait(false);
            sha256 ??= Sha256Of(response);
            length ??= Header(response, "X-Linked-Size") is { } text && long.TryParse(text, out var size) && size >= 0 ? size : null;
            if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
            {
                return new HttpAnswer(response, sha256, length);
            }

            var target = response.Headers.Location;
            response.Dispose();
            if (target is null || !Uri.TryCreate(url, target, out var next))
            {
                throw new DownloadException($"{Describe(url)} redirects without saying where to.");
            }

            if (next.Scheme is not ("http" or "https") || (url.Scheme == "https" && next.Scheme == "http"))
            {
                throw new DownloadException($"{Describe(url)} redirects to {Describe(next)}, which is less safe; it is not followed.");
            }

            url = next;
        }

        throw new DownloadException($"{Describe(url)} redirects more than {MostRedirects} times.");
    }

    /// <summary>An address for a message: what follows its path may be a signature.</summary>
    public static string Describe(Uri url) => url.GetLeftPart(UriPartial.Path);

    /// <summary>Reads from the body of an answer.</summary>
    /// <returns>The number of bytes; 0 at the end.</returns>
    /// <exception cref="TruncatedException">The connection broke, or nothing came for too long.</exception>
    public async Task<int> ReadAsync(Stream content, byte[] buffer, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(options.StallTimeout);
        try
        {
            return await content.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new TruncatedException($"The connection broke: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TruncatedException($"Nothing came for {options.StallTimeout.TotalSeconds:0.###} s.", e);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(options.StallTimeout);
        try
        {
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException($"{Describe(request.RequestUri!)} does not answer.", e);
        }
    }

    private static string? Header(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    /// <summary>Large files are named by their SHA-256 in the tag of the linked file, and by some servers in the tag of the file itself.</summary>
    private static string? Sha256Of(HttpResponseMessage response)
    {
        var tag = (Header(response, "X-Linked-Etag") ?? response.Headers.ETag?.Tag)?.Trim('"');
        return tag?.Length == 64 && tag.All(char.IsAsciiHexDigit) ? tag.ToLowerInvariant() : null;
    }

    private bool IsEndpoint(Uri url) =>
        url.Scheme == options.Endpoint.Scheme && url.Port == options.Endpoint.Port && string.Equals(url.Host, options.Endpoint.Host, StringComparison.OrdinalIgnoreCase);
}
