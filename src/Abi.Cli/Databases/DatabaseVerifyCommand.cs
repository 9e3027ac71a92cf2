using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Checks every byte of a database or backup.</summary>
internal sealed class DatabaseVerifyCommand : DatabaseCommand
{
    /// <inheritdoc/>
    public override string Name => "verify";

    /// <inheritdoc/>
    public override string Summary => "Read and check every byte of a database or backup.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "Exits with 1 when something is damaged. For one that nobody writes to meanwhile. Without its key, of an encrypted one only the checksums are checked.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var path = arguments.Get(DatabaseArguments.Path);
        using var key = DatabaseArguments.Key(arguments);
        var report = Directory.Exists(path) ? await VectorDatabase.VerifyAsync(path, key, cancellationToken).ConfigureAwait(false) : throw new AbiException($"There is no database at '{path}'.");
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseVerifyResult(path, report.IsSound, report.Files, report.Bytes, report.Sequence, report.Problems), CliJson.Results.DatabaseVerifyResult);
        }
        else
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {(report.IsSound ? "sound" : "damaged")}{(!report.IsSealed ? "" : key is null ? " (encrypted, checked without its key)" : " (backups that have another key were checked without it)")}, {report.Files} files, {Sizes.Bytes(report.Bytes)}, {report.Sequence} commits"));
            foreach (var problem in report.Problems)
            {
                console.Out.WriteLine($"! {problem}");
            }
        }

        return report.IsSound ? ExitCode.Success : ExitCode.Failed;
    }
}
