using System.Globalization;

namespace Abi.Database.Tests;

/// <summary>The process that crash tests kill: <c>write FOLDER FIRST</c> writes numbered records and prints the number of each once it is acknowledged.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["write", var folder, var first])
        {
            return 2;
        }

        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder, LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 15 });
        var collection = database.GetDynamicCollection("numbers", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        var output = Console.OpenStandardOutput();
        for (var number = int.Parse(first, CultureInfo.InvariantCulture); ; number++)
        {
            // Two records a commit, so that half a commit shows.
            await collection.UpsertAsync([CrashTests.Record(number, 0), CrashTests.Record(number, 1)]);
            await output.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{number}\n"));
            await output.FlushAsync();
        }
    }
}
