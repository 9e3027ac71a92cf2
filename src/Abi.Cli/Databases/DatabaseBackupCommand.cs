using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;

namespace Abi.Cli.Databases;

/// <summary>Copies a database into a folder.</summary>
internal sealed class DatabaseBackupCommand : DatabaseCommand
{
    private static readonly Argument Target = new("TO", "the folder of the backup") { TakesFile = true };

    /// <inheritdoc/>
    public override string Name => "backup";

    /// <inheritdoc/>
    public override string Summary => "Copy a database into a folder, and check the copy.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, Target];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "Needs to open the database for writing: a program that has it open makes its backups itself (BackupAsync).";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var database = await WriteAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var target = arguments.Get(Target);
        var report = await database.BackupAsync(target, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseBackupResult(database.Path, target, report.IsIncremental, report.CopiedFiles, report.CopiedBytes, report.Sequence), CliJson.Results.DatabaseBackupResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {(report.IsIncremental ? "what came since the last backup" : "a full copy")}, {report.CopiedFiles} files, {Sizes.Bytes(report.CopiedBytes)}, up to commit {report.Sequence}."));
        }

        return ExitCode.Success;
    }
}
