using Npgsql;

namespace Abi.Database.Postgres.Errors;

/// <summary>Errors of PostgreSQL and of the connection as those of a database.</summary>
internal static class PostgresErrors
{
    public const string NoExtensionRemedy =
        "Install pgvector 0.8 or later for the server if it is not there (pg_available_extensions lists it), and run CREATE EXTENSION vector in the database, as its owner.";

    public static Exception Of(NpgsqlException error, string place, string? collection)
    {
        var where = collection is null ? $"in the database {place}" : $"with the collection '{collection}' of the database {place}";
        if (error is not PostgresException { SqlState: var state } server)
        {
            return new DatabaseException($"The PostgreSQL database {place} cannot be reached, or the connection to it broke: {error.Message} {error.InnerException?.Message}".TrimEnd(), error);
        }

        return state switch
        {
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName when collection is not null => NoCollection(place, collection, error),
            PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.UndefinedFunction when server.MessageText.Contains("vec", StringComparison.Ordinal) =>
                new DatabaseException($"PostgreSQL lacks what searches by vector need {where}: {server.MessageText}. {NoExtensionRemedy}", error),
            PostgresErrorCodes.CharacterNotInRepertoire => new ArgumentException($"A text, or a key, has a character that PostgreSQL's texts cannot have, such as U+0000 ({where}): {server.MessageText}.", error),
            PostgresErrorCodes.ProgramLimitExceeded => new DatabaseException(
                $"A value is longer than PostgreSQL can index ({where}): {server.MessageText}. Keys and indexed texts have about 2,700 bytes at the most, all the words of a full-text field about a megabyte. {server.Detail}".TrimEnd(), error),
            PostgresErrorCodes.DuplicateTable => new DatabaseException($"A table that is no collection has the name already {where}: {server.MessageText}. Take another name, or another PostgresOptions.Schema.", error),
            PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.DatatypeMismatch or PostgresErrorCodes.DataException or PostgresErrorCodes.NotNullViolation => new DatabaseException($"The table is not as the definition of the collection says {where}: {server.MessageText}. Make the collection anew if another program changed it.", error),
            PostgresErrorCodes.InsufficientPrivilege => new DatabaseException($"The role may not do this {where}: {server.MessageText}. Grant it what is named.", error),
            _ => new DatabaseException($"PostgreSQL refuses {where}: {server.MessageText} (SQLSTATE {state}). {server.Hint ?? server.Detail}".TrimEnd(), error),
        };
    }

    public static DatabaseException NoCollection(string place, string collection, Exception? error = null) =>
        new($"The database {place} has no collection '{collection}'. Call EnsureCollectionExistsAsync first.", error);

    /// <summary>Whether an error says that a table is not the one that was known.</summary>
    public static bool IsOfAnotherTable(NpgsqlException error) =>
        error.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.DatatypeMismatch or PostgresErrorCodes.UndefinedFunction
            or PostgresErrorCodes.DataException or PostgresErrorCodes.NotNullViolation;
}
