using System.Collections.Immutable;
using System.Net;

namespace Abi.Llm.Downloads;

/// <summary>
/// Downloads models: by the name of a Hugging Face repository and a type, or by address. A broken download goes on where it stopped, also in another process; a file gets its
/// name only when it is whole, of the promised size and, where the server names one, of the promised SHA-256.
/// </summary>
/// <remarks>Thread-safe. One process at a time downloads one file; a second one says so.</remarks>
public sealed class ModelDownloader : IDisposable
{
    private readonly HttpClient _client;
    private readonly bool _ownsClient;
    private readonly ModelDownloaderOptions _options;
    private readonly HttpSource _source;
    private readonly RepositoryFiles _repositories;

    /// <summary>Makes a downloader.</summary>
    /// <param name="options">Where from; unset, <see cref="ModelDownloaderOptions.FromEnvironment"/>.</param>
    /// <param name="client">Sends the requests, and stays the caller's; one that does not follow redirects itself lets their checks of redirects and SHA-256 apply. Unset, one of its own.</param>
    public ModelDownloader(ModelDownloaderOptions? options = null, HttpClient? client = null)
    {
        _options = options ?? ModelDownloaderOptions.FromEnvironment();
        _ownsClient = client is null;
        _client = client ?? new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = TimeSpan.FromSeconds(30) })
        {
            Timeout = Timeout.InfiniteTimeSpan, // a model takes as long as it takes; a stalled connection is noticed
        };
        _source = new HttpSource(_client, _options);
        _repositories = new RepositoryFiles(_source, _options);
    }

    /// <summary>Opens the files that bytes are written to; tests put a full disk here.</summary>
    internal Func<string, FileMode, Stream>? OpenFile { get; init; }

    /// <summary>Finds out which files a reference means.</summary>
    /// <param name="reference">The model.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The files; of a split model all parts, in order.</returns>
    /// <exception cref="DownloadException">There is no such repository, or it has no such type; the message lists what it has.</exception>
    public async Task<ImmutableArray<RemoteFile>> ResolveAsync(ModelReference reference, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Url is { } url)
        {
            var name = ModelReference.FileNameOf(url);
            return [.. ModelFiles.PartNames(name).Select(part => new RemoteFile(CheckName(part), part == name ? url : WithName(url, part)))];
        }

        var files = await _repositories.ListAsync(reference, cancellationToken).ConfigureAwait(false);
        var byPath = files.DistinctBy(file => file.Path, StringComparer.Ordinal).ToDictionary(file => file.Path, StringComparer.Ordinal);
        var chosen = ModelFiles.TryChoose(byPath.Keys.Order(StringComparer.Ordinal), reference.Type) ?? throw NothingChosen(reference, byPath.Keys);
        if (chosen.FirstOrDefault(path => !byPath.ContainsKey(path)) is { } missing)
        {
            throw new DownloadException($"The split model of {reference} is not complete: the repository has no '{missing}'.");
        }

        return [.. chosen.Select(path => new RemoteFile(
            CheckName(path[(path.LastIndexOf('/') + 1)..]), _repositories.FileAddress(reference, path), byPath[path].ByteLength, byPath[path].Sha256))];
    }

    /// <summary>Downloads a model.</summary>
    /// <param name="reference">The model.</param>
    /// <param name="directory">The folder to put it in; unset, its folder in <see cref="ModelCache"/>.</param>
    /// <param name="progress">Told of every piece that came.</param>
    /// <param name="cancellationToken">Ends it; what came so far is kept, and the next call goes on from there.</param>
    /// <returns>Where the files are. Files that were there already, whole and unchanged, are not downloaded again.</returns>
    /// <exception cref="DownloadException">It cannot be had, is not what was promised, or cannot be written.</exception>
    public async Task<DownloadedModel> DownloadAsync(
        ModelReference reference, string? directory = null, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var files = await ResolveAsync(reference, cancellationToken).ConfigureAwait(false);
        return await DownloadAsync(files, directory ?? ModelCache.DirectoryOf(reference), progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Downloads files that were resolved before, or that the caller knows by heart.</summary>
    /// <param name="files">The files, in order.</param>
    /// <param name="directory">The folder to put them in.</param>
    /// <param name="progress">Told of every piece that came.</param>
    /// <param name="cancellationToken">Ends it; what came so far is kept.</param>
    /// <exception cref="DownloadException">One cannot be had, is not what was promised, or cannot be written.</exception>
    public async Task<DownloadedModel> DownloadAsync(
        ImmutableArray<RemoteFile> files, string directory, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        if (files.IsDefaultOrEmpty)
        {
            throw new ArgumentException("There is no file to download.", nameof(files));
        }

        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DownloadException($"The folder '{directory}' cannot be made: {e.Message}", innerException: e);
        }

        var done = ImmutableArray.CreateBuilder<DownloadedFile>(files.Length);
        for (var i = 0; i < files.Length; i++)
        {
            var (file, index) = (files[i], i);
            var target = Path.Combine(directory, CheckName(file.Name));
            void Report(long bytes, long? length, double speed) => progress?.Report(new DownloadProgress(file.Name, index, files.Length, bytes, length, speed));
            using var download = OpenFile is { } open ? new FileDownload(_source, _options, file, target, Report) { OpenFile = open } : new FileDownload(_source, _options, file, target, Report);
            done.Add(await download.RunAsync(cancellationToken).ConfigureAwait(false));
        }

        return new DownloadedModel(done[0].Path, done.DrainToImmutable());
    }

    /// <summary>Closes the connections, unless the client is the caller's.</summary>
    public void Dispose()
    {
        if (_ownsClient)
        {
            _client.Dispose();
        }
    }

    /// <summary>Refuses names from outside that would lead out of the folder.</summary>
    private static string CheckName(string name) =>
        name.Length is > 0 and <= 240 && name is not ("." or "..") && name.AsSpan().IndexOfAny('/', '\\', ':') < 0 && !name.Any(char.IsControl)
            ? name
            : throw new DownloadException($"'{name}' is no name for a file here.");

    private static Uri WithName(Uri url, string name) => new UriBuilder(url) { Path = $"{url.AbsolutePath[..(url.AbsolutePath.LastIndexOf('/') + 1)]}{Uri.EscapeDataString(name)}" }.Uri;

    private static DownloadException NothingChosen(ModelReference reference, IEnumerable<string> paths)
    {
        var models = ModelFiles.Models(paths.Order(StringComparer.Ordinal)).Select(files => files[0]).ToList();
        return models.Count == 0
            ? new DownloadException($"{reference.Repository} has no GGUF file. Choose a repository whose name ends in GGUF, or convert the model.")
            : new DownloadException($"{reference.Repository} has no '{reference.Type}'. It has: {string.Join(", ", models.Take(60))}{(models.Count > 60 ? ", …" : "")}.");
    }
}
