using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Copies a database into a folder or a stream.</summary>
internal sealed class DatabaseBackupCommand : DatabaseCommand
{
    private static readonly Argument Target = new("TO", "the folder of the backup, unless --output is given", IsRequired: false) { TakesFile = true };
    private static readonly Option<string?> Output = Options.File("-o --output", "write one stream instead of a folder; - is stdout");
    private static readonly Option<long?> After = new(["--after"], "N", "with --output: only the log after this commit", null, text => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)) { DefaultText = "all" };

    private static readonly Option<bool> Full = Options.Switch("--full", "a full backup, which begins a chain of its own, where what came since would do");
    private static readonly Option<int> Keep = Options.Integer("--keep", "how many chains are kept at least; older ones are deleted afterwards", 1, minimum: 1);
    private static readonly Option<int?> KeepDays = Options.OptionalInteger("--keep-days", "keep the chains, too, that a restore to any moment of so many days needs", "none", minimum: 1);

    /// <inheritdoc/>
    public override string Name => "backup";

    /// <inheritdoc/>
    public override string Summary => "Copy a database into a folder or a stream, and check it.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, Target];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Full, Keep, KeepDays, Output, After, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "Only reads the database, also beside a program that writes to it. A folder that has an earlier backup gets only what came since, where the log was kept; else a full one, which begins a chain of its own.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var (folder, output, after) = (arguments.Find(Target), arguments.Get(Output), arguments.Get(After));
        if (folder is null == output is null)
        {
            throw new UsageException("Give either TO, a folder, or --output, a file.");
        }

        if (output is null && after is not null)
        {
            throw new UsageException("--after needs --output; a folder knows by itself what it has.");
        }

        if (output is not null && (arguments.Get(Full) || arguments.Has(Keep) || arguments.Get(KeepDays) is not null))
        {
            throw new UsageException("--full, --keep and --keep-days are for folders; a stream is full unless --after is given.");
        }

        if (output == "-" && arguments.Get(ModelOptions.Json))
        {
            throw new UsageException("--json and --output - would both write to stdout.");
        }

        if (output is not (null or "-"))
        {
            OutputFile.RequireFile(output);
        }

        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var report = folder is not null ? await database.BackupAsync(folder, Retention(arguments), cancellationToken).ConfigureAwait(false)
            : output == "-" ? await database.BackupAsync(console.Output, after, cancellationToken).ConfigureAwait(false)
            : await WriteFileAsync(database, output!, after, cancellationToken).ConfigureAwait(false);
        var target = folder ?? output!;
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseBackupResult(database.Path, target, report.IsIncremental, report.CopiedFiles, report.CopiedBytes, report.Sequence, report.DeletedChains), CliJson.Results.DatabaseBackupResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {(report.IsIncremental ? "what came since the last backup" : "a full copy")}, {report.CopiedFiles} files, {Sizes.Bytes(report.CopiedBytes)}, up to commit {report.Sequence}{(report.DeletedChains > 0 ? $"; {report.DeletedChains} earlier deleted" : "")}."));
        }

        return ExitCode.Success;
    }

    private static BackupOptions Retention(ParsedArguments arguments) => new()
    {
        IsFull = arguments.Get(Full), Keep = arguments.Get(Keep), KeepFor = arguments.Get(KeepDays) is { } days ? TimeSpan.FromDays(days) : null,
    };

    private static async Task<BackupReport> WriteFileAsync(VectorDatabase database, string path, long? after, CancellationToken cancellationToken)
    {
        BackupReport? report = null;
        await OutputFile.WriteAsync(path, async file => report = await database.BackupAsync(file, after, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        return report!;
    }
}
