using System.Globalization;

namespace Abi.Database.Tests;

/// <summary>
/// The process that crash tests kill: <c>write FOLDER FIRST</c> writes numbered records and prints the number of each once it is acknowledged; <c>registers FOLDER ROUND</c> writes and
/// reads a few keys from eight threads and prints when each operation began and ended; <see cref="Abi.Testing.TestProcess"/> runs the tests here.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is [Abi.Testing.TestProcess.Argument, ..])
        {
            return Abi.Testing.TestProcess.Run(arguments);
        }

        if (arguments is ["registers", var place, var round])
        {
            await RegistersAsync(place, int.Parse(round, CultureInfo.InvariantCulture));
            return 0;
        }

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

    private static async Task RegistersAsync(string folder, int round)
    {
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder, LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 15 });
        using var output = Console.OpenStandardOutput();
        var gate = new Lock();
        void Print(string line)
        {
            lock (gate)
            {
                output.Write(System.Text.Encoding.ASCII.GetBytes($"{line} .\n"));
            }
        }

        await Engine.LinearizabilityTests.RunAsync(
            database,
            round,
            (isWrite, key, value, begin, end) => Print(string.Create(CultureInfo.InvariantCulture, $"{(isWrite ? "write" : "read")} {key} {value} {begin} {end}")),
            (key, value, begin) => Print(string.Create(CultureInfo.InvariantCulture, $"begin {key} {value} {begin}")),
            CancellationToken.None);
    }
}
