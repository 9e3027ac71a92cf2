using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;

namespace Abi.Cli.Databases;

/// <summary>Lets another key open an encrypted database.</summary>
internal sealed class DatabaseChangeKeyCommand : DatabaseCommand
{
    private static readonly Option<string?> NewKeyFile = Options.File("--new-key-file", "the new key: a file of 32 bytes, or 64 hexadecimal digits");
    private static readonly Option<string?> NewPassphraseFile = Options.File("--new-passphrase-file", "the new passphrase: a file that holds nothing else");

    /// <inheritdoc/>
    public override string Name => "change-key";

    /// <inheritdoc/>
    public override string Summary => "Let another key open an encrypted database, instead of the present one.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [NewKeyFile, NewPassphraseFile, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "Only the file abi.keys is written. Backups made before keep their key.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        using var key = DatabaseArguments.Key(arguments, NewKeyFile, NewPassphraseFile) ?? throw new UsageException($"'{NewKeyFile.Name}' or '{NewPassphraseFile.Name}' is needed.");
        var database = await WriteAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        await database.ChangeKeyAsync(key, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, null, 0, database.Sequence, null), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine($"{database.Path}: the new key opens it.");
        }

        return ExitCode.Success;
    }
}
