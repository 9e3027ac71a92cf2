using Abi.Cli.CommandLine;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>A command of <c>abi db</c>.</summary>
internal abstract class DatabaseCommand : Command
{
    private static readonly CommandGroup Databases = new("db", "Make, fill, search and keep vector databases.", new("encryption", [DatabaseArguments.KeyFile, DatabaseArguments.PassphraseFile]));

    /// <inheritdoc/>
    public sealed override CommandGroup Group => Databases;

    /// <summary>Opens a database to read it; beside a process that writes, too.</summary>
    /// <exception cref="AbiException">It is not there.</exception>
    protected static Task<VectorDatabase> ReadAsync(ParsedArguments arguments, EmbeddingModel? model, CancellationToken cancellationToken) => OpenPresentAsync(arguments, DatabaseAccess.ReadOnly, model, cancellationToken);

    /// <summary>Opens a database to write to it.</summary>
    /// <exception cref="AbiException">It is not there.</exception>
    protected static Task<VectorDatabase> WriteAsync(ParsedArguments arguments, EmbeddingModel? model, CancellationToken cancellationToken) => OpenPresentAsync(arguments, DatabaseAccess.ReadWrite, model, cancellationToken);

    // Opening to write would make a database in any folder.
    private static Task<VectorDatabase> OpenPresentAsync(ParsedArguments arguments, DatabaseAccess access, EmbeddingModel? model, CancellationToken cancellationToken) =>
        VectorDatabase.Exists(GivenPath(arguments)) ? OpenAsync(arguments, access, model, cancellationToken) : throw new AbiException($"There is no database at '{GivenPath(arguments)}'. `abi db create` makes one.");

    /// <summary>A collection that exists.</summary>
    /// <exception cref="AbiException">It does not; those that do are named.</exception>
    protected static async Task<(VectorCollection<object, Dictionary<string, object?>> Collection, CollectionDefinition Definition)> CollectionAsync(VectorDatabase database, string name, CancellationToken cancellationToken)
    {
        if (!await database.CollectionExistsAsync(name, cancellationToken).ConfigureAwait(false))
        {
            List<string> names = [];
            await foreach (var other in database.ListCollectionNamesAsync(cancellationToken).ConfigureAwait(false))
            {
                names.Add(other);
            }

            throw new AbiException($"The database {database.Path} has no collection '{name}'. {(names.Count == 0 ? "It has none; `abi db create` makes one." : $"It has: {string.Join(", ", names)}.")}");
        }

        var collection = database.GetDynamicCollection(name);
        var statistics = collection.GetStatistics();
        return statistics.Damage is { } damage ? throw damage : (collection, statistics.Definition);
    }

    /// <summary>A key from the command line.</summary>
    protected static object ParseKey(string text, CollectionDefinition definition)
    {
        try
        {
            return RecordJson.ParseKey(text, definition.Key);
        }
        catch (FormatException e)
        {
            throw new AbiException($"{char.ToUpperInvariant(e.Message[0])}{e.Message[1..]}", e);
        }
    }

    /// <summary>The bytes of a folder's files.</summary>
    protected static long Bytes(string path) => Directory.Exists(path) ? new DirectoryInfo(path).EnumerateFiles().Sum(file => file.Length) : 0;

    /// <summary>Opens a database.</summary>
    protected static async Task<VectorDatabase> OpenAsync(ParsedArguments arguments, DatabaseAccess access, EmbeddingModel? model, CancellationToken cancellationToken)
    {
        var path = GivenPath(arguments);
        using var key = DatabaseArguments.Key(arguments);
        var options = new DatabaseOptions { Path = path, Access = access, EncryptionKey = key };
        return await VectorDatabase.OpenAsync(model is null ? options : options.WithEmbeddings(model.Generator, model.Options), cancellationToken).ConfigureAwait(false);
    }

    private static string GivenPath(ParsedArguments arguments) => arguments.Get(DatabaseArguments.Path) is { Length: > 0 } given ? given : throw new UsageException("PATH is empty.");
}
