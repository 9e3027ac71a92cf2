using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;

namespace Abi.Cli.Databases;

/// <summary>Tells what a database holds.</summary>
internal sealed class DatabaseInfoCommand : DatabaseCommand
{
    private static readonly Argument Collection = new("COLLECTION", "only this collection; its JSON is what `db create --definition` reads", IsRequired: false);

    /// <inheritdoc/>
    public override string Name => "info";

    /// <inheritdoc/>
    public override string Summary => "Tell what collections there are and what their records are made of.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, Collection];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json])];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var _ = database.ConfigureAwait(false);
        List<CollectionJson> collections = [];
        await foreach (var name in database.ListCollectionNamesAsync(cancellationToken).ConfigureAwait(false))
        {
            collections.Add(CollectionJson.Of(database.GetDynamicCollection(name).GetStatistics()));
        }

        if (arguments.Find(Collection) is { } wanted)
        {
            collections = [.. collections.Where(collection => collection.Name == wanted)];
            if (collections.Count == 0)
            {
                await CollectionAsync(database, wanted, cancellationToken).ConfigureAwait(false); // throws, naming what there is
            }
        }

        var recovery = database.Recovery;
        if (arguments.Get(ModelOptions.Json))
        {
            if (arguments.Find(Collection) is not null)
            {
                CliJson.WriteLine(console, collections[0], CliJson.Results.CollectionJson);
            }
            else
            {
                CliJson.WriteLine(
                    console, new DatabaseInfoResult(database.Path, database.Sequence, Bytes(database.Path), recovery.ReplayedCommits, recovery.CutReason, recovery.Warnings, [.. collections]), CliJson.Results.DatabaseInfoResult);
            }

            return ExitCode.Success;
        }

        if (arguments.Find(Collection) is null)
        {
            console.Out.WriteLine($"{database.Path}: {collections.Count} collections, {Sizes.Bytes(Bytes(database.Path))}, {database.Sequence} commits");
            foreach (var remark in recovery.Warnings.Append(recovery.CutReason).OfType<string>())
            {
                console.Out.WriteLine($"! {remark}");
            }
        }

        collections.ForEach(collection => Write(console, collection));
        return ExitCode.Success;
    }

    private static void Write(CliConsole console, CollectionJson collection)
    {
        console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"\n{collection.Name}: {collection.Records} records, keys '{collection.KeyName}' ({collection.Key}){(collection.TimeToLiveSeconds is { } seconds ? $", each lives {seconds} s" : "")}"));
        if (collection.Damage is { } damage)
        {
            console.Out.WriteLine($"  ! {damage}");
        }

        foreach (var field in collection.Data)
        {
            var marks = string.Concat(field.Indexed ? ", indexed" : "", field.Text ? field.Stemming is { } stemming ? $", words ({stemming} stems)" : ", words" : "", field.Boost != 1 ? string.Create(CultureInfo.InvariantCulture, $" × {field.Boost}") : "");
            console.Out.WriteLine($"  {field.Name,-16} {field.Kind}{marks}");
        }

        foreach (var field in collection.Vectors)
        {
            console.Out.WriteLine($"  {field.Name,-16} {field.Dimensions} × {field.Element}, {field.Distance}, {field.Index}{(field.Quantized ? ", quantized" : "")}{(field.SourceField is { } source ? $", of '{source}'" : "")}");
        }
    }
}
