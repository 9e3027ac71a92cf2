using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;

namespace Abi.Cli.Databases;

/// <summary>Writes a database anew without what was deleted.</summary>
internal sealed class DatabaseCompactCommand : DatabaseCommand
{
    /// <inheritdoc/>
    public override string Name => "compact";

    /// <inheritdoc/>
    public override string Summary => "Write all collections anew, without what was deleted.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json])];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        long before;
        string path;
        var database = await WriteAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using (database.ConfigureAwait(false))
        {
            (path, before) = (database.Path, Bytes(database.Path));
            await database.WaitForIndexAsync(cancellationToken).ConfigureAwait(false);
            await database.CompactAsync(cancellationToken).ConfigureAwait(false);
        }

        var (after, seconds) = (Bytes(path), Stopwatch.GetElapsedTime(start).TotalSeconds);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseCompactResult(path, before, after, seconds), CliJson.Results.DatabaseCompactResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Sizes.Bytes(before)} → {Sizes.Bytes(after)}, {seconds:F1} s"));
        }

        return ExitCode.Success;
    }
}
