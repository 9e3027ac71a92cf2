using Abi.Cli.CommandLine;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>What commands of <c>abi db</c> have in common.</summary>
internal static class DatabaseArguments
{
    /// <summary>The database.</summary>
    public static readonly Argument Path = new("PATH", "the folder of the database") { TakesFile = true };

    /// <summary>The collection.</summary>
    public static readonly Argument Collection = new("COLLECTION", "the collection");

    /// <summary>Which records.</summary>
    public static readonly Option<string?> Filter = Options.Text("--filter", "CONDITION", "only records for which this holds: topic = 'cats' and not (stars < 3 or tags contains 'old')");

    /// <summary>Which vector field.</summary>
    public static readonly Option<string?> VectorField = Options.Text("--vector-field", "FIELD", "the vector field, where there are several");

    /// <summary>The key of an encrypted database.</summary>
    public static readonly Option<string?> KeyFile = Options.File("--key-file", "the key of an encrypted database: a file of 32 bytes, or 64 hexadecimal digits");

    /// <summary>The passphrase of an encrypted database.</summary>
    public static readonly Option<string?> PassphraseFile = Options.File("--passphrase-file", "the passphrase of an encrypted database: a file that holds nothing else");

    /// <summary>The key or passphrase that was given; to be disposed of. Null when none was.</summary>
    public static EncryptionKey? Key(ParsedArguments arguments) => Key(arguments, KeyFile, PassphraseFile);

    /// <summary>A key from a file, or a passphrase from one.</summary>
    /// <exception cref="UsageException">Both are given.</exception>
    /// <exception cref="AbiException">The file cannot be read, or holds no key.</exception>
    public static EncryptionKey? Key(ParsedArguments arguments, Option<string?> keyFile, Option<string?> passphraseFile)
    {
        var (key, passphrase) = (arguments.Get(keyFile), arguments.Get(passphraseFile));
        if (key is not null && passphrase is not null)
        {
            throw new UsageException($"'{keyFile.Name}' and '{passphraseFile.Name}' do not go together.");
        }

        try
        {
            return key is not null ? EncryptionKey.FromFile(key)
                : passphrase is null ? null
                : File.ReadAllText(passphrase).TrimEnd('\r', '\n') is { Length: > 0 } text ? EncryptionKey.FromPassphrase(text)
                : throw new AbiException($"The file '{passphrase}' holds no passphrase.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The file '{key ?? passphrase}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>What a filter may say.</summary>
    public const string FilterRemarks = """
        A CONDITION compares indexed fields with =, !=, <, <=, >, >=, `in ('a', 'b')`, `contains`, `starts with`, `exists`, and `within(LATITUDE_FIELD, LONGITUDE_FIELD, latitude, longitude, metres)`; and joins these with and, or, not and brackets. Texts and dates stand in quotes; names with other than letters, digits and underscores in backquotes.
        """;
}
