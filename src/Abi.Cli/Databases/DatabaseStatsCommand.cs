using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;

namespace Abi.Cli.Databases;

/// <summary>Tells how large a database is and how far its graphs are.</summary>
internal sealed class DatabaseStatsCommand : DatabaseCommand
{
    /// <inheritdoc/>
    public override string Name => "stats";

    /// <inheritdoc/>
    public override string Summary => "Tell how large a database is, file by file, and how far its graphs are.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json])];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var collections = ImmutableArray.CreateBuilder<CollectionStats>();
        await foreach (var name in database.ListCollectionNamesAsync(cancellationToken).ConfigureAwait(false))
        {
            var statistics = database.GetDynamicCollection(name).GetStatistics();
            collections.Add(new CollectionStats(
                name, statistics.Count, [.. statistics.Vectors.Select(vector => new VectorStats(vector.Name, vector.IndexKind.ToString().ToLowerInvariant(), vector.Linked, vector.Pending))], statistics.Damage?.Message));
        }

        ImmutableArray<DatabaseFile> files = [.. new DirectoryInfo(database.Path).EnumerateFiles().Select(file => new DatabaseFile(file.Name, file.Length)).OrderBy(file => file.Name, StringComparer.Ordinal)];
        var result = new DatabaseStatsResult(database.Path, database.Sequence, files.Sum(file => file.Bytes), files, collections.ToImmutable());
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, result, CliJson.Results.DatabaseStatsResult);
            return ExitCode.Success;
        }

        console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Path}: {Sizes.Bytes(result.Bytes)}, {result.Sequence} commits"));
        foreach (var file in result.Files)
        {
            console.Out.WriteLine($"  {file.Name,-28} {Sizes.Bytes(file.Bytes),12}");
        }

        foreach (var collection in result.Collections)
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{collection.Name}: {(collection.Damage is { } damage ? $"! {damage}" : $"{collection.Records} records")}"));
            foreach (var vector in collection.Vectors)
            {
                console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {vector.Name,-28} {vector.Index}{(vector.Index == "flat" ? "" : $", {vector.Linked} linked, {vector.Pending} pending")}"));
            }
        }

        return ExitCode.Success;
    }
}
