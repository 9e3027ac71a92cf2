using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm.Downloads;

namespace Abi.Cli.Commands;

/// <summary>Downloads a model.</summary>
internal sealed class PullCommand : Command
{
    private static readonly Argument Model = new("NAME[:TYPE]|URL", "a repository of Hugging Face and a type (owner/repo:Q4_K_M), or the address of a file");
    private static readonly Option<string?> To = Options.File("--to", "the folder to put it in; without it, a folder of the cache, where other commands find it by its name", "DIR");
    private static readonly Option<string?> Revision = Options.Text("--revision", "NAME", "the branch, tag or commit", "main");
    private static readonly Option<string?> Sha256 = new(["--sha256"], "HEX", "the SHA-256 that the file must have", null, ReadSha256);
    private static readonly Option<int> Retries = Options.Integer("--retries", "how often a broken download goes on without having got further", 4, minimum: 0);
    private static readonly Option<bool> DryRun = Options.Switch("--dry-run", "only tell which files would be downloaded");

    /// <inheritdoc/>
    public override string Name => "pull";

    /// <inheritdoc/>
    public override string Summary => "Download a model.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Model];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [To, Revision, Sha256, Retries, DryRun, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => """
        Without a type, Q4_K_M is taken, and where there is none, the first GGUF file. A type may also be the name of a file. Split models come with all their parts.
        A download that broke off goes on where it stopped. A file gets its name when it is whole and, where the server names it, has the promised SHA-256.
        variables: HF_TOKEN (access token), HF_ENDPOINT (another server), ABI_CACHE (the cache; otherwise abi/models in the user's cache folder)
        Prints the path of the model to load.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var text = arguments.Get(Model);
        if (!ModelReference.TryParse(text, out var reference))
        {
            throw new UsageException($"'{text}' is not a model to download: give owner/repo, owner/repo:TYPE, or an address that begins with http:// or https://.");
        }

        reference = reference with { Revision = arguments.Get(Revision) ?? "main" };
        using var downloader = new ModelDownloader(ModelDownloaderOptions.FromEnvironment() with { Retries = arguments.Get(Retries) });
        var files = await downloader.ResolveAsync(reference, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(Sha256) is { } sha256)
        {
            files = files is [var only] ? [only with { Sha256 = sha256 }] : throw new UsageException($"'--sha256' is for one file; this model has {files.Length}.");
        }

        var directory = arguments.Get(To) ?? ModelCache.DirectoryOf(reference);
        if (arguments.Get(DryRun))
        {
            Write(console, arguments, new PullResult(Path.Combine(directory, files[0].Name), [.. files.Select(file => new PulledFile(Path.Combine(directory, file.Name), file.Url.ToString(), file.ByteLength ?? 0, file.Sha256, File.Exists(Path.Combine(directory, file.Name))))]), listsFiles: true);
            return ExitCode.Success;
        }

        DownloadedModel model;
        using (var bar = new ProgressBar(console))
        {
            var progress = new DirectProgress<DownloadProgress>(so => bar.Report(so.ByteCount is > 0 ? (double)so.BytesDone / so.ByteCount.Value : 0, Describe(so)));
            model = await downloader.DownloadAsync(files, directory, progress, cancellationToken).ConfigureAwait(false);
        }

        if (model.Files.All(file => file.WasPresent))
        {
            console.Error.WriteLine($"abi: {reference} is here already, whole and unchanged.");
        }

        Write(console, arguments, new PullResult(model.Path, [.. model.Files.Select(file => new PulledFile(file.Path, file.Url.ToString(), file.ByteLength, file.Sha256, file.WasPresent))]), listsFiles: false);
        return ExitCode.Success;
    }

    private static void Write(CliConsole console, ParsedArguments arguments, PullResult result, bool listsFiles)
    {
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, result, CliJson.Results.PullResult);
        }
        else if (listsFiles)
        {
            foreach (var file in result.Files)
            {
                console.Out.WriteLine($"{file.Path}  {Sizes.Bytes(file.Size)}  {file.Url}");
            }
        }
        else
        {
            console.Out.WriteLine(result.Path);
        }
    }

    private static string Describe(DownloadProgress so)
    {
        var part = so.FileCount > 1 ? $" ({so.FileIndex + 1} of {so.FileCount})" : "";
        var rest = so is { ByteCount: { } length, BytesPerSecond: > 0 } ? TimeSpan.FromSeconds(Math.Min((length - so.BytesDone) / so.BytesPerSecond, 359_999)).ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture) : "";
        return $"{so.FileName}{part} {Sizes.Bytes(so.BytesDone)}{(so.ByteCount is { } total ? $" of {Sizes.Bytes(total)}" : "")} {Sizes.Bytes(so.BytesPerSecond)}/s {rest}";
    }

    private static string? ReadSha256(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit) ? text.ToLowerInvariant() : throw new FormatException();
}
