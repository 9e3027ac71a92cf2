using System.Diagnostics;
using System.Globalization;

namespace Abi.Database.Tests.Engine;

/// <summary>Promise 11: eight threads write and read the same few keys, also in a process that is killed again and again; the history of all of it has an order that explains it.</summary>
public sealed class LinearizabilityTests
{
    internal const int Keys = 3;
    private const int Threads = 8;

    private static readonly CollectionDefinition Definition = new() { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer)] };

    [Test]
    public async Task EightThreadsAreLinearizable()
    {
        using var folder = new TemporaryFolder();
        var history = new RegisterHistory();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 17 });
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(1.5));
        await RunAsync(database, round: 0, history.Add, (_, _, _) => { }, stop.Token);
        await TestContext.Out.WriteLineAsync($"{history.Count} operations");
        Assert.That(history.Contradiction(), Is.Null);
        Assert.That(history.Count, Is.GreaterThan(500));
    }

    [TestCase(5)]
    [TestCase(300, Explicit = true, Reason = "long: 300 kills")]
    public async Task KillsDoNotChangeThat(int kills)
    {
        using var folder = new TemporaryFolder();
        var history = new RegisterHistory();
        var random = new Random(kills);
        for (var round = 0; round <= kills; round++)
        {
            if (round % 20 == 0)
            {
                history = new RegisterHistory(); // a new database now and then, so that looking at all of it takes no longer and longer
            }

            using var process = CrashTests.Start("registers", folder[$"db{round / 20}"], round.ToString(CultureInfo.InvariantCulture));
            Dictionary<long, (int Key, long Begin)> pending = [];
            var isKilled = false;
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Split(' ') is not [var what, .. var numbers, "."] || !Array.TrueForAll(numbers, number => long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)))
                {
                    continue; // cut off by the kill
                }

                var n = numbers.Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray();
                if (what == "begin")
                {
                    pending[n[1]] = ((int)n[0], n[2]);
                }
                else
                {
                    history.Add(what == "write", (int)n[0], n[1], n[2], n[3]);
                    if (what == "write")
                    {
                        pending.Remove(n[1]);
                    }
                }

                if (!isKilled)
                {
                    isKilled = true;
                    _ = Task.Delay(random.Next(20, 150)).ContinueWith(_ => process.Kill(), TaskScheduler.Default);
                }
            }

            await process.WaitForExitAsync();
            foreach (var (value, (key, begin)) in pending)
            {
                history.Add(true, key, value, begin, long.MaxValue);
            }

            Assert.That(history.Contradiction(), Is.Null, $"round {round}");
        }

        Assert.That(history.Count, Is.GreaterThan(50));
    }

    [Test]
    public void ContradictionsAreSeen()
    {
        static string? Of(params (bool IsWrite, long Value, long Begin, long End)[] operations)
        {
            var history = new RegisterHistory();
            foreach (var (isWrite, value, begin, end) in operations)
            {
                history.Add(isWrite, 1, value, begin, end);
            }

            return history.Contradiction();
        }

        Assert.That(Of((true, 1, 0, 1), (true, 2, 2, 3), (false, 1, 4, 5)), Does.Contain("while"), "a lost write");
        Assert.That(Of((true, 1, 0, 1), (true, 2, 2, 9), (false, 2, 3, 4), (false, 1, 5, 6)), Does.Contain("both").Or.Contain("while"), "back in time");
        Assert.That(Of((true, 1, 5, 6), (false, 1, 1, 2)), Does.Contain("began"));
        Assert.That(Of((true, 1, 0, 1), (false, 3, 2, 3)), Does.Contain("0 times"));
        Assert.That(Of((true, 1, 0, 1), (true, 2, 2, long.MaxValue), (false, 1, 3, 4), (false, 1, 7, 8)), Is.Null, "never acknowledged, never seen");
        Assert.That(Of((true, 1, 0, 1), (true, 2, 2, long.MaxValue), (false, 2, 3, 4), (false, 1, 7, 8)), Is.Not.Null, "seen and gone again");
        Assert.That(Of((true, 1, 0, 9), (true, 2, 0, 9), (false, 2, 1, 2), (false, 1, 3, 9)), Is.Null, "together");
    }

    /// <summary>Eight threads that write and read until cancelled or killed.</summary>
    /// <param name="database">The database.</param>
    /// <param name="round">Makes values unique.</param>
    /// <param name="done">Is told of each operation that is over: whether it wrote, key, value, beginning, end.</param>
    /// <param name="begun">Is told of each write before it begins: key, value, beginning.</param>
    /// <param name="stop">Ends it.</param>
    internal static async Task RunAsync(VectorDatabase database, int round, Action<bool, int, long, long, long> done, Action<int, long, long> begun, CancellationToken stop)
    {
        var collection = database.GetDynamicCollection("registers", Definition);
        await collection.EnsureCollectionExistsAsync(CancellationToken.None);
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(() =>
        {
            var random = new Random((round * 100) + thread);
            for (var i = 1L; !stop.IsCancellationRequested; i++)
            {
                var key = random.Next(Keys);
                var begin = Stopwatch.GetTimestamp();
                if (random.Next(3) > 0)
                {
                    var record = collection.GetAsync((long)key, includeVectors: false, CancellationToken.None).GetAwaiter().GetResult();
                    if (record is not null)
                    {
                        done(false, key, (long)record["n"]!, begin, Stopwatch.GetTimestamp());
                    }
                }
                else
                {
                    var value = (((round * 8L) + thread) << 32) | i;
                    begun(key, value, begin);
                    collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = (long)key, ["n"] = value }, CancellationToken.None).GetAwaiter().GetResult();
                    done(true, key, value, begin, Stopwatch.GetTimestamp());
                }
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }
}
