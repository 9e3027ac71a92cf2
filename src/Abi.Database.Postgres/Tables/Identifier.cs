using System.Text;

namespace Abi.Database.Postgres.Tables;

/// <summary>Names in SQL.</summary>
internal static class Identifier
{
    /// <summary>What names of tables and columns of this assembly's own begin with.</summary>
    public const string Reserved = "abi_";

    private const int MaximumBytes = 63; // NAMEDATALEN - 1: PostgreSQL cuts what is longer without a word

    /// <summary>A name in quotes.</summary>
    /// <exception cref="DatabaseException">PostgreSQL cannot have it.</exception>
    public static string Quote(string name, string what)
    {
        if (Encoding.UTF8.GetByteCount(name) > MaximumBytes || name.Contains('\0', StringComparison.Ordinal))
        {
            throw new DatabaseException($"{what} '{name}' cannot be a name in PostgreSQL: at most {MaximumBytes} bytes in UTF-8, without U+0000, were expected; it has {Encoding.UTF8.GetByteCount(name)}.");
        }

        return $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>A user's name in quotes.</summary>
    /// <exception cref="DatabaseException">PostgreSQL cannot have it, or it is of this assembly's own.</exception>
    public static string QuoteUsers(string name, string what) => name.StartsWith(Reserved, StringComparison.Ordinal)
        ? throw new DatabaseException($"{what} '{name}' begins with '{Reserved}', which is kept for columns and tables of Abi's own. Take another name.")
        : Quote(name, what);
}
