using System.Net;
using System.Text.Json;

namespace Abi.Llm.Downloads;

/// <summary>Reads the list of a repository's files from the server's interface.</summary>
internal sealed class RepositoryFiles(HttpSource source, ModelDownloaderOptions options)
{
    private const int MostPages = 200;
    private const int MostBytes = 64 << 20;

    /// <summary>The files, with size and SHA-256 where the server names them.</summary>
    /// <exception cref="DownloadException">The repository does not exist, or may not be read.</exception>
    public async Task<IReadOnlyList<RepositoryFile>> ListAsync(ModelReference reference, CancellationToken cancellationToken)
    {
        var repository = reference.Repository!;
        var revision = Uri.EscapeDataString(reference.Revision);
        List<RepositoryFile> files = [];
        Uri? next = Address($"api/models/{repository}/tree/{revision}?recursive=true");
        for (var page = 0; next is not null && page < MostPages; page++)
        {
            using var answer = await GetAsync(next, cancellationToken).ConfigureAwait(false);
            if (answer.Response.StatusCode == HttpStatusCode.NotFound && page == 0)
            {
                return await ListSiblingsAsync(reference, cancellationToken).ConfigureAwait(false);
            }

            using var json = await ReadAsync(answer.Response, repository, cancellationToken).ConfigureAwait(false);
            files.AddRange(ReadTree(json.RootElement, repository));
            next = NextPage(answer.Response, next);
        }

        return files;
    }

    /// <summary>The address of a file.</summary>
    public Uri FileAddress(ModelReference reference, string path) =>
        Address($"{reference.Repository}/resolve/{Uri.EscapeDataString(reference.Revision)}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>The older list, which names files only.</summary>
    private async Task<IReadOnlyList<RepositoryFile>> ListSiblingsAsync(ModelReference reference, CancellationToken cancellationToken)
    {
        var revision = reference.Revision == "main" ? "" : $"/revision/{Uri.EscapeDataString(reference.Revision)}";
        using var answer = await GetAsync(Address($"api/models/{reference.Repository}{revision}"), cancellationToken).ConfigureAwait(false);
        using var json = await ReadAsync(answer.Response, reference.Repository!, cancellationToken).ConfigureAwait(false);
        return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("siblings", out var siblings) && siblings.ValueKind == JsonValueKind.Array
            ? [.. siblings.EnumerateArray().Select(sibling => Text(sibling, "rfilename")).OfType<string>().Select(name => new RepositoryFile(name, null, null))]
            : throw Strange(reference.Repository!);
    }

    private async Task<HttpAnswer> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        for (var failures = 0; ; failures++)
        {
            Exception failure;
            try
            {
                var answer = await source.GetAsync(url, null, cancellationToken).ConfigureAwait(false);
                if ((int)answer.Response.StatusCode is not (429 or >= 500))
                {
                    return answer;
                }

                failure = FileDownload.Refusal(answer.Response.StatusCode, HttpSource.Describe(url), options);
                answer.Dispose();
            }
            catch (HttpRequestException e)
            {
                failure = new DownloadException($"{url.GetLeftPart(UriPartial.Authority)} cannot be reached: {e.Message}", innerException: e);
            }

            if (failures >= options.Retries)
            {
                throw failure;
            }

            await Task.Delay(TimeSpan.FromTicks(options.RetryDelay.Ticks << Math.Min(failures, 6)), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<JsonDocument> ReadAsync(HttpResponseMessage response, string repository, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw FileDownload.Refusal(response.StatusCode, $"The repository {repository} on {options.Endpoint.Host}", options);
        }

        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = stream.ConfigureAwait(false);
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        try
        {
            int count;
            while ((count = await source.ReadAsync(stream, buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                bytes.Write(buffer, 0, count);
                if (bytes.Length > MostBytes)
                {
                    throw Strange(repository);
                }
            }

            return JsonDocument.Parse(bytes.ToArray());
        }
        catch (TruncatedException e)
        {
            throw new DownloadException($"{options.Endpoint.Host} broke off while it listed the files of {repository}: {e.Message}", innerException: e);
        }
        catch (JsonException)
        {
            throw Strange(repository);
        }
    }

    private DownloadException Strange(string repository) => new($"{options.Endpoint.Host} answers to the question for the files of {repository} with something that is no list of files.");

    private IEnumerable<RepositoryFile> ReadTree(JsonElement tree, string repository)
    {
        if (tree.ValueKind != JsonValueKind.Array)
        {
            throw Strange(repository);
        }

        foreach (var entry in tree.EnumerateArray())
        {
            if (entry.ValueKind == JsonValueKind.Object && Text(entry, "type") is null or "file" && Text(entry, "path") is { } path)
            {
                var large = entry.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object ? lfs : default;
                var sha256 = large.ValueKind == JsonValueKind.Object ? (Text(large, "oid") ?? Text(large, "sha256"))?.Replace("sha256:", "", StringComparison.Ordinal) : null;
                yield return new RepositoryFile(
                    path, Number(large, "size") ?? Number(entry, "size"), sha256?.Length == 64 && sha256.All(char.IsAsciiHexDigit) ? sha256.ToLowerInvariant() : null);
            }
        }
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0 ? number : null;

    /// <summary>The page that the Link header names as the next one, on the same server only.</summary>
    private static Uri? NextPage(HttpResponseMessage response, Uri current)
    {
        foreach (var link in response.Headers.TryGetValues("Link", out var values) ? values.SelectMany(value => value.Split(',')) : [])
        {
            var (start, end) = (link.IndexOf('<', StringComparison.Ordinal), link.IndexOf('>', StringComparison.Ordinal));
            if (start >= 0 && end > start && link.Contains("rel=\"next\"", StringComparison.OrdinalIgnoreCase) && Uri.TryCreate(current, link[(start + 1)..end], out var next) && next.Authority == current.Authority)
            {
                return next;
            }
        }

        return null;
    }

    private Uri Address(string path) => new($"{options.Endpoint.ToString().TrimEnd('/')}/{path}");
}
