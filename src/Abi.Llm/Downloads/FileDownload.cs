using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Abi.Llm.Downloads;

/// <summary>
/// Downloads one file: into a file beside the target, going on from what an earlier attempt left, checked by size and SHA-256, and renamed when it is whole. The target is
/// never half a file.
/// </summary>
internal sealed class FileDownload(HttpSource source, ModelDownloaderOptions options, RemoteFile file, string target, Action<long, long?, double> progress) : IDisposable
{
    private const int BufferBytes = 1 << 17;

    private readonly PartialFile _partial = new(target);
    private long? _length = file.ByteLength;
    private string? _sha256 = file.Sha256;
    private string? _validator;
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _received;

    /// <summary>Opens the file that bytes are written to; tests put a full disk here.</summary>
    internal Func<string, FileMode, Stream> OpenFile { get; init; } = (path, mode) => new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, BufferBytes);

    /// <summary>Downloads.</summary>
    /// <exception cref="DownloadException">It cannot be had; what came so far is kept, and the next attempt goes on from there.</exception>
    public async Task<DownloadedFile> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await DownloadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // from the disk: what the network throws while a body is read has been made another exception
            throw new DownloadException($"'{_partial.Path}' cannot be written or made '{target}': {e.Message} Is the disk full, or is another download of the same file running? What came so far is kept.", innerException: e);
        }
    }

    /// <summary>Lets others download the file.</summary>
    public void Dispose() => _partial.Dispose();

    private async Task<DownloadedFile> DownloadAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(target) && _length is not null && await IsTargetWholeAsync(cancellationToken).ConfigureAwait(false))
        {
            return Present();
        }

        var failures = 0;
        var restarts = 0;
        while (true)
        {
            var before = PartialLength();
            try
            {
                if (await AttemptAsync(cancellationToken).ConfigureAwait(false) is { } done)
                {
                    return done;
                }

                // What an earlier attempt left was of another file: once more from the start.
                if (restarts++ > options.Retries)
                {
                    throw new DownloadException($"{HttpSource.Describe(file.Url)} is another file each time that it is asked for.");
                }
            }
            catch (Exception e) when (e is HttpRequestException or RetryLaterException or TruncatedException)
            {
                failures = PartialLength() > before ? 0 : failures + 1;
                if (failures > options.Retries)
                {
                    throw new DownloadException($"The download of {HttpSource.Describe(file.Url)} broke off {failures} times without a byte in between: {e.Message} What came so far is kept; run it again to go on.", (e as DownloadException)?.StatusCode, e);
                }

                var delay = TimeSpan.FromTicks(options.RetryDelay.Ticks << Math.Min(Math.Max(failures - 1, 0), 6));
                await Task.Delay((e as RetryLaterException)?.Delay is { } asked && asked > delay ? asked : delay, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One request.</summary>
    /// <returns>The file; null when a resumed download turned out wrong, and has to begin anew.</returns>
    private async Task<DownloadedFile?> AttemptAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(_partial.Path))
        {
            _partial.Hold();
        }

        _validator ??= _partial.Read()?.Validator;
        var offset = _partial.ResumeLength(file.Url, _length, _sha256, _validator);
        if (offset > 0 && offset == _length)
        {
            return await FinishAsync(isResumed: true, cancellationToken).ConfigureAwait(false);
        }

        using var answer = await source.GetAsync(file.Url, request => Prepare(request, offset), cancellationToken).ConfigureAwait(false);
        var response = answer.Response;
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && offset > 0)
        {
            // the file is shorter than what we have: it is another one
            _partial.Delete();
            return null;
        }

        CheckStatus(response);
        CheckIdentity(answer);
        if (offset == 0 && File.Exists(target) && await IsTargetWholeAsync(cancellationToken).ConfigureAwait(false))
        {
            return Present();
        }

        if (response.StatusCode == HttpStatusCode.OK)
        {
            offset = 0; // it has changed, or the server cannot go on in the middle
        }
        else if (offset > 0 && _partial.ResumeLength(file.Url, _length, _sha256, _validator) != offset)
        {
            // the rest of another file, whatever it was asked for
            _partial.Delete();
            return null;
        }
        else if (response.Content.Headers.ContentRange?.From != offset)
        {
            throw new DownloadException($"{HttpSource.Describe(file.Url)} was asked for bytes from {offset} and answers with {response.Content.Headers.ContentRange?.ToString() ?? "no range"}.");
        }

        _partial.Hold();
        CheckRoom(offset);
        await CopyAsync(response, offset, cancellationToken).ConfigureAwait(false);
        return await FinishAsync(isResumed: offset > 0, cancellationToken).ConfigureAwait(false);
    }

    private void Prepare(HttpRequestMessage request, long offset)
    {
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity")); // sizes and ranges are those of the file
        if (offset > 0)
        {
            request.Headers.Range = new RangeHeaderValue(offset, null);
            if (_validator is { } validator)
            {
                request.Headers.TryAddWithoutValidation("If-Range", validator);
            }
        }
    }

    private void CheckStatus(HttpResponseMessage response)
    {
        var status = response.StatusCode;
        if (status is HttpStatusCode.OK or HttpStatusCode.PartialContent)
        {
            if (file.Name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && response.Content.Headers.ContentType?.MediaType == "text/html")
            {
                throw new DownloadException($"{HttpSource.Describe(file.Url)} is a web page, not a model. Give the address of the file itself.", status);
            }

            return;
        }

        if (status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)status >= 500)
        {
            var wait = response.Headers.RetryAfter?.Delta;
            throw new RetryLaterException($"The server answers {(int)status} ({status}).", wait > TimeSpan.FromMinutes(2) ? TimeSpan.FromMinutes(2) : wait);
        }

        throw Refusal(status, HttpSource.Describe(file.Url), options);
    }

    /// <summary>The error of an answer that will not change by asking again.</summary>
    internal static DownloadException Refusal(HttpStatusCode status, string what, ModelDownloaderOptions options) => new(
        status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when options.Token is null => $"{what} needs an access token ({(int)status}), or does not exist: set the variable HF_TOKEN to one that may read it.",
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => $"{what} refuses the access token ({(int)status}): it must be valid, and its owner must have been given access to the model.",
            HttpStatusCode.NotFound or HttpStatusCode.Gone => $"{what} does not exist ({(int)status}): check the name, the type and the branch.",
            _ => $"{what} answers {(int)status} ({status}).",
        },
        status);

    private void CheckIdentity(HttpAnswer answer)
    {
        if (file.ByteLength is { } expected && answer.ByteLength is { } found && expected != found)
        {
            throw new DownloadException($"{HttpSource.Describe(file.Url)} has {found} bytes; the list of the repository says {expected}.");
        }

        _length = file.ByteLength ?? answer.ByteLength ?? _length;
        _sha256 = file.Sha256 ?? answer.Sha256 ?? _sha256;
        _validator = answer.Validator ?? (answer.Response.StatusCode == HttpStatusCode.PartialContent ? _validator : null);
    }

    private void CheckRoom(long offset)
    {
        if (_length is not { } length)
        {
            return;
        }

        long free;
        try
        {
            free = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(target))!).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return; // a file system that does not tell
        }

        if (free < length - offset)
        {
            throw new DownloadException($"There is not enough room for '{target}': {length - offset} bytes are to come, and {free} are free. Make room, or choose another folder.");
        }
    }

    private async Task CopyAsync(HttpResponseMessage response, long offset, CancellationToken cancellationToken)
    {
        var content = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = content.ConfigureAwait(false);
        var output = OpenFile(_partial.Path, offset > 0 ? FileMode.Open : FileMode.Create);
        await using var __ = output.ConfigureAwait(false);

        // Noted only when the file is ours, and bytes of another one are gone: a note must never speak of bytes that it does not belong to.
        _partial.Write(file.Url, _length, _sha256, _validator);
        output.Seek(offset, SeekOrigin.Begin);
        var buffer = new byte[BufferBytes];
        var position = offset;
        progress(position, _length, 0);
        int count;
        while ((count = await source.ReadAsync(content, buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (position + count > _length)
            {
                throw new DownloadException($"{HttpSource.Describe(file.Url)} sends more than the {_length} bytes that it promised.");
            }

            await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            position += count;
            _received += count;
            progress(position, _length, _received / Math.Max(Stopwatch.GetElapsedTime(_started).TotalSeconds, 1e-9));
        }

        if (position < _length)
        {
            throw new TruncatedException($"It ended after {position} of {_length} bytes.");
        }

        // A name that survives a loss of power must not stand over bytes that did not.
        (output as FileStream)?.Flush(flushToDisk: true);
    }

    /// <summary>Checks the whole file and gives it its name.</summary>
    private async Task<DownloadedFile?> FinishAsync(bool isResumed, CancellationToken cancellationToken)
    {
        var length = PartialLength();
        if (_sha256 is { } expected && await HashAsync(_partial.Path, cancellationToken).ConfigureAwait(false) is var found && found != expected)
        {
            _partial.Delete();
            return isResumed
                ? null
                : throw new DownloadException($"{HttpSource.Describe(file.Url)} is damaged: its SHA-256 is {found}, and it should be {expected}. It was thrown away; run it again, and if that does not help, tell whoever keeps the file.");
        }

        _partial.Commit();
        return new DownloadedFile(target, file.Url, length, _sha256, WasPresent: false);
    }

    private async Task<bool> IsTargetWholeAsync(CancellationToken cancellationToken) =>
        new FileInfo(target).Length == _length && (_sha256 is null || await HashAsync(target, cancellationToken).ConfigureAwait(false) == _sha256);

    private DownloadedFile Present() => new(target, file.Url, _length!.Value, _sha256, WasPresent: true);

    private long PartialLength() => File.Exists(_partial.Path) ? new FileInfo(_partial.Path).Length : 0;

    private static async Task<string> HashAsync(string path, CancellationToken cancellationToken)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.Asynchronous | FileOptions.SequentialScan);
        await using var _ = stream.ConfigureAwait(false);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken).ConfigureAwait(false));
    }
}
