using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Deletes records, or a collection.</summary>
internal sealed class DatabaseDeleteCommand : DatabaseCommand
{
    private static readonly Argument KeyArgument = new("KEY", "the record's key", IsRequired: false);
    private static readonly Option<bool> WholeCollection = Options.Switch("--collection", "delete the whole collection");

    /// <inheritdoc/>
    public override string Name => "delete";

    /// <inheritdoc/>
    public override string Summary => "Delete a record, the records that a filter names, or a collection.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection, KeyArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [DatabaseArguments.Filter, WholeCollection, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => DatabaseArguments.FilterRemarks;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var key = arguments.Find(KeyArgument);
        if ((key is null ? 0 : 1) + (arguments.Has(DatabaseArguments.Filter) ? 1 : 0) + (arguments.Get(WholeCollection) ? 1 : 0) != 1)
        {
            throw new UsageException("Say what to delete by one of KEY, --filter and --collection.");
        }

        var database = await WriteAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var before = await collection.CountAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        var count = before;
        if (arguments.Get(WholeCollection))
        {
            await collection.EnsureCollectionDeletedAsync(cancellationToken).ConfigureAwait(false);
        }
        else
        {
            List<object> keys = [];
            if (key is not null)
            {
                keys.Add(ParseKey(key, definition));
            }
            else
            {
                await foreach (var record in collection.ListAsync(new ListOptions { Filter = FilterParser.Parse(arguments.Get(DatabaseArguments.Filter), definition), IncludeVectors = false }, cancellationToken).ConfigureAwait(false))
                {
                    keys.Add(record[definition.KeyName]!);
                }
            }

            await collection.DeleteAsync(keys, cancellationToken).ConfigureAwait(false);
            count = before - await collection.CountAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, collection.Name, count, database.Sequence, null), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} records deleted."));
        }

        return ExitCode.Success;
    }
}
