using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Writes the records of a collection into a file.</summary>
internal sealed class DatabaseExportCommand : DatabaseCommand
{
    private static readonly Argument File = new("FILE", ".jsonl: a record a line; .npy and .fvecs: vectors; `-` writes JSON lines to stdout") { TakesFile = true };
    private static readonly Option<string> Format = Options.Choice("--format", "FORMAT", "the file's format", "auto", "auto", "npy", "fvecs", "jsonl");
    private static readonly Option<string?> KeyFile = Options.File("--keys", "where the keys of the vectors go, a JSON value a line");
    private static readonly Option<bool> NoVectors = Options.Switch("--no-vectors", "leave the vectors out of JSON lines");

    /// <inheritdoc/>
    public override string Name => "export";

    /// <inheritdoc/>
    public override string Summary => "Write the records or vectors of a collection into a file.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection, File];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Format, KeyFile, DatabaseArguments.VectorField, DatabaseArguments.Filter, NoVectors, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => DatabaseArguments.FilterRemarks;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var path = arguments.Get(File);
        if (path == "-" && (arguments.Get(Format) is not ("auto" or "jsonl") || arguments.Has(KeyFile) || arguments.Get(ModelOptions.Json)))
        {
            throw new UsageException("'-' is stdout, which takes the records as JSON lines and nothing else.");
        }

        OutputFile.RequireFile(path);
        if (arguments.Get(KeyFile) is { } keys)
        {
            OutputFile.RequireOther(path, keys);
        }

        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var filter = FilterParser.Parse(arguments.Get(DatabaseArguments.Filter), definition);
        if (path == "-")
        {
            await foreach (var record in collection.ListAsync(new ListOptions { Filter = filter, IncludeVectors = !arguments.Get(NoVectors) }, cancellationToken).ConfigureAwait(false))
            {
                console.Out.WriteLine(RecordJson.Format(record, definition, !arguments.Get(NoVectors)));
            }

            return ExitCode.Success;
        }

        var options = new ExportOptions
        {
            Format = DatabaseImportCommand.FormatOf(arguments.Get(Format)),
            VectorField = arguments.Get(DatabaseArguments.VectorField),
            KeyFile = arguments.Get(KeyFile),
            Filter = filter,
            IncludeVectors = !arguments.Get(NoVectors),
        };
        long count;
        using (var bar = new ProgressBar(console))
        {
            count = await collection.ExportAsync(path, options, new DirectProgress<long>(written => bar.Report(0, string.Create(CultureInfo.InvariantCulture, $"{written} records"))), cancellationToken).ConfigureAwait(false);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, collection.Name, count, database.Sequence, null), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} records."));
        }

        return ExitCode.Success;
    }
}
