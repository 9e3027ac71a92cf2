using Abi.Cli.CommandLine;

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

    /// <summary>What a filter may say.</summary>
    public const string FilterRemarks = """
        A CONDITION compares indexed fields with =, !=, <, <=, >, >=, `in ('a', 'b')`, `contains`, `starts with`, `exists`, and `within(LATITUDE_FIELD, LONGITUDE_FIELD, latitude, longitude, metres)`; and joins these with and, or, not and brackets. Texts and dates stand in quotes; names with other than letters, digits and underscores in backquotes.
        """;
}
