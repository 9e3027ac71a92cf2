using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Writes the records of a file into a collection.</summary>
internal sealed class DatabaseImportCommand : DatabaseCommand
{
    private static readonly Argument File = new("FILE", ".jsonl: a record a line (`-` is stdin); .npy and .fvecs: vectors") { TakesFile = true };
    private static readonly Option<string> Format = Options.Choice("--format", "FORMAT", "the file's format", "auto", "auto", "npy", "fvecs", "jsonl");
    private static readonly Option<int> FirstKey = Options.Integer("--first-key", "the key of the first vector; the others count on", 0);
    private static readonly Option<string?> KeyFile = Options.File("--keys", "the keys of the vectors, a JSON value a line");
    private static readonly Option<int> BatchSize = Options.Integer("-b --batch-size", "records written at once", 1000, minimum: 1);
    private static readonly Option<bool> Wait = Options.Switch("--wait", "wait until all vectors are in their graph");

    /// <inheritdoc/>
    public override string Name => "import";

    /// <inheritdoc/>
    public override string Summary => "Write the records or vectors of a file into a collection.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection, File];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Format, FirstKey, KeyFile, DatabaseArguments.VectorField, BatchSize, Wait, ModelOptions.Json]), new("embedding", EmbeddingModel.All)];

    /// <inheritdoc/>
    public override string Remarks => "Records with the same keys are replaced. What was written before an error stays.";

    /// <summary>A format by its name on the command line.</summary>
    public static ExchangeFormat FormatOf(string name) => name switch { "npy" => ExchangeFormat.Npy, "fvecs" => ExchangeFormat.Fvecs, "jsonl" => ExchangeFormat.JsonLines, _ => ExchangeFormat.Automatic };

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var path = arguments.Get(File);
        if (path == "-" && arguments.Get(Format) is not ("auto" or "jsonl"))
        {
            throw new UsageException("'-' is stdin, which is read as JSON lines; vectors come from a file.");
        }

        var model = await EmbeddingModel.OpenAsync(arguments, cancellationToken).ConfigureAwait(false);
        await using var unload = ((IAsyncDisposable?)model ?? Stream.Null).ConfigureAwait(false);
        var database = await WriteAsync(arguments, model, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, _) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var options = new ImportOptions
        {
            Format = FormatOf(arguments.Get(Format)),
            VectorField = arguments.Get(DatabaseArguments.VectorField),
            FirstKey = arguments.Get(FirstKey),
            KeyFile = arguments.Get(KeyFile),
            BatchSize = arguments.Get(BatchSize),
        };
        var start = Stopwatch.GetTimestamp();
        long count;
        using (var bar = new ProgressBar(console))
        {
            var progress = new DirectProgress<long>(written => bar.Report(0, string.Create(CultureInfo.InvariantCulture, $"{written} records")));
            count = path == "-" ? await collection.ImportAsync(console.Input, "<stdin>", options, progress, cancellationToken).ConfigureAwait(false)
                : await collection.ImportAsync(path, options, progress, cancellationToken).ConfigureAwait(false);
            if (arguments.Get(Wait))
            {
                await database.WaitForIndexAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, collection.Name, count, database.Sequence, seconds), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} records, {seconds:F1} s ({count / Math.Max(seconds, 1e-9):F0} a second)"));
            if (collection.GetStatistics().Vectors.Sum(vectors => vectors.Pending) is > 0 and var waiting)
            {
                console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{waiting} vectors are not in their graph yet: searches find them by comparing them one by one. With --wait, an import ends when all are."));
            }
        }

        return ExitCode.Success;
    }
}
