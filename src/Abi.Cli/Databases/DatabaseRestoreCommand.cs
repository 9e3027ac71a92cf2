using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Makes a database out of a backup.</summary>
internal sealed class DatabaseRestoreCommand : DatabaseCommand
{
    private static readonly Argument Backup = new("BACKUP", "the folder of the backup, or a file with one full backup and any incremental ones after it; - is stdin") { TakesFile = true };
    private static readonly Argument Target = new("PATH", "the folder of the database to make; it must be empty or not there") { TakesFile = true };
    private static readonly Option<long?> Sequence = new(["--sequence"], "N", "the last commit to keep", null, text => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)) { DefaultText = "all" };
    private static readonly Option<DateTimeOffset?> Time = new(["--time"], "TIME", "the last moment whose commits to keep, in ISO 8601 (UTC where it names no zone)", null, text => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)) { DefaultText = "all" };
    private static readonly Option<string?> Archive = Options.File("--archive", "the archive of the log, which goes on where the backup ends", "FOLDER");

    /// <inheritdoc/>
    public override string Name => "restore";

    /// <inheritdoc/>
    public override string Summary => "Make a database out of a backup, as it was at the end or earlier.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Backup, Target];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Sequence, Time, Archive, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "With a key, a backup that is not encrypted makes a database that is.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var (backup, target) = (arguments.Get(Backup), arguments.Get(Target));
        using var key = DatabaseArguments.Key(arguments);
        var options = new RestoreOptions { ToSequence = arguments.Get(Sequence), ToTime = arguments.Get(Time), LogArchive = arguments.Get(Archive), EncryptionKey = key };
        var sequence = Directory.Exists(backup) ? await VectorDatabase.RestoreAsync(backup, target, options, cancellationToken).ConfigureAwait(false)
            : backup == "-" ? await VectorDatabase.RestoreAsync(console.Input, target, options, cancellationToken).ConfigureAwait(false)
            : await RestoreFileAsync(backup, target, options, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(target, null, 0, sequence, null), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target}: restored up to commit {sequence}."));
        }

        return ExitCode.Success;
    }

    private static async Task<long> RestoreFileAsync(string backup, string target, RestoreOptions options, CancellationToken cancellationToken)
    {
        if (!File.Exists(backup))
        {
            throw new AbiException($"There is no backup at '{backup}'.");
        }

        var file = new FileStream(backup, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        await using var close = file.ConfigureAwait(false);
        return await VectorDatabase.RestoreAsync(file, target, options, cancellationToken).ConfigureAwait(false);
    }
}
