using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Prints a record.</summary>
internal sealed class DatabaseGetCommand : DatabaseCommand
{
    private static readonly Argument KeyArgument = new("KEY", "the record's key");
    private static readonly Option<bool> NoVectors = Options.Switch("--no-vectors", "leave the vectors out");

    /// <inheritdoc/>
    public override string Name => "get";

    /// <inheritdoc/>
    public override string Summary => "Print the record with a key, as JSON.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection, KeyArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [NoVectors, ModelOptions.Json])];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var key = arguments.Get(KeyArgument);
        var record = await collection.GetAsync(ParseKey(key, definition), !arguments.Get(NoVectors), cancellationToken).ConfigureAwait(false)
            ?? throw new AbiException($"The collection '{collection.Name}' has no record with the key '{key}'.");
        console.Out.WriteLine(RecordJson.Format(record, definition, !arguments.Get(NoVectors)));
        return ExitCode.Success;
    }
}
