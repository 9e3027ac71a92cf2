using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Writes a record.</summary>
internal sealed class DatabaseAddCommand : DatabaseCommand
{
    private static readonly Argument Record = new("RECORD", "a JSON object: the key, fields and vectors by their names");

    /// <inheritdoc/>
    public override string Name => "add";

    /// <inheritdoc/>
    public override string Summary => "Write a record; one with the same key is replaced.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection, Record];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json]), new("embedding", EmbeddingModel.All)];

    /// <inheritdoc/>
    public override string Remarks => """Example: {"Key":"a","text":"The cat sat.","stars":4,"vector":[0.1,0.2,0.3]}. Dates are ISO 8601 in quotes; binary vectors base64.""";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var model = await EmbeddingModel.OpenAsync(arguments, cancellationToken).ConfigureAwait(false);
        await using var unload = ((IAsyncDisposable?)model ?? Stream.Null).ConfigureAwait(false);
        var database = await WriteAsync(arguments, model, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        Dictionary<string, object?> record;
        try
        {
            record = RecordJson.Parse(arguments.Get(Record), definition);
        }
        catch (FormatException e)
        {
            throw new AbiException($"The record does not fit the collection '{collection.Name}': {e.Message}", e);
        }

        await collection.UpsertAsync(record, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, collection.Name, 1, database.Sequence, null), CliJson.Results.DatabaseWriteResult);
        }

        return ExitCode.Success;
    }
}
