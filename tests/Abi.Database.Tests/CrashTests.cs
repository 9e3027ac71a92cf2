using System.Diagnostics;
using System.Globalization;

namespace Abi.Database.Tests;

/// <summary>Promise 1: a process that is killed at a random moment loses nothing that it acknowledged, and keeps nothing half.</summary>
public sealed class CrashTests
{
    internal static CollectionDefinition Definition { get; } = new()
    {
        Data = [new DataField("number", DataKind.Integer) { IsIndexed = true }, new DataField("text", DataKind.Text)],
        Vectors = [new VectorField("vector", 8) { IndexKind = IndexKind.Hnsw }],
    };

    [Test]
    public Task TwelveRounds() => RoundsAsync(12, seed: 1126);

    [Test]
    [Explicit("long: 250 rounds in each of four parts")]
    public Task AThousandRounds([Range(1, 4)] int part) => RoundsAsync(250, seed: part);

    internal static string Key(int number, int part) => string.Create(CultureInfo.InvariantCulture, $"{number}/{part}");

    internal static Dictionary<string, object?> Record(int number, int part) => new(StringComparer.Ordinal)
    {
        ["Key"] = Key(number, part),
        ["number"] = (long)number,
        ["text"] = $"record {number}",
        ["vector"] = Enumerable.Range(1, 8).Select(i => MathF.Sin((number * i) + part) + 0.001f).ToArray(),
    };

    /// <summary>Starts this assembly as a program.</summary>
    internal static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])["exec", typeof(CrashTests).Assembly.Location, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        if (!Path.GetFileNameWithoutExtension(start.FileName).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.FileName = "dotnet";
        }

        return Process.Start(start)!;
    }

    private static async Task RoundsAsync(int rounds, int seed)
    {
        using var folder = new TemporaryFolder();
        var random = new Random(seed);
        var (next, commits) = (0, 0L);
        for (var round = 0; round < rounds; round++)
        {
            if (round % 40 == 0)
            {
                // A new database now and then, so that looking at all of it takes no longer and longer.
                commits += next;
                next = 0;
            }

            var path = folder[$"db{round / 40}"];
            using var process = Start("write", path, next.ToString(CultureInfo.InvariantCulture));
            var acknowledged = next - 1;
            var killAt = 0L;
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Length > 0 && int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                {
                    acknowledged = Math.Max(acknowledged, number);
                }

                if (killAt == 0)
                {
                    killAt = 1;
                    _ = Task.Delay(random.Next(0, 60)).ContinueWith(_ => process.Kill(), TaskScheduler.Default);
                }
            }

            await process.WaitForExitAsync();
            await using var database = await VectorDatabase.OpenAsync(path);
            var collection = database.GetDynamicCollection("numbers");
            HashSet<string> present = [];
            await foreach (var record in collection.ListAsync())
            {
                present.Add((string)record["Key"]!);
                Assert.That((string)record["text"]!, Is.EqualTo($"record {record["number"]}"));
            }

            var last = present.Count / 2;
            Assert.That(last, Is.GreaterThan(acknowledged), $"round {round}: {acknowledged} was acknowledged last");
            for (var number = 0; number < last; number++)
            {
                Assert.That(present.Contains(Key(number, 0)) && present.Contains(Key(number, 1)), $"round {round}: {number} of {last} is missing or half");
            }

            next = last;
        }

        await TestContext.Out.WriteLineAsync($"{rounds} rounds, {commits + next} commits");
        Assert.That(commits + next, Is.GreaterThan(rounds));
    }
}
