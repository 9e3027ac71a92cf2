using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>What is done every minute.</summary>
public sealed class SweepTests
{
    /// <summary>A sweep that takes longer than until the next one deletes each record once.</summary>
    [Test]
    public async Task ASweepThatIsNotDoneIsNotBegunAgain()
    {
        var disk = new MemoryStorage();
        var clock = new ManualClock();
        var options = History.Options();
        options.Clock = clock;
        using var isWriting = new ManualResetEventSlim();
        using var mayWrite = new ManualResetEventSlim();
        var engine = new DatabaseEngine(disk, options);
        using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, TimeToLive = TimeSpan.FromSeconds(1) });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 3).Select(i => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = i }));
        var before = engine.Sequence;
        disk.Fails = (_, what) =>
        {
            if (what == "write" && !isWriting.IsSet)
            {
                isWriting.Set();
                mayWrite.Wait();
            }

            return false;
        };
        var first = Task.Run(() => clock.Advance(TimeSpan.FromMinutes(1)));
        isWriting.Wait();
        var second = Task.Run(() => clock.Advance(TimeSpan.FromMinutes(1)));
        await Task.WhenAny(second, Task.Delay(TimeSpan.FromMilliseconds(500)));
        mayWrite.Set();
        await Task.WhenAll(first, second);
        Assert.That((engine.Sequence - before, await collection.CountAsync()), Is.EqualTo((1L, 0)));
    }
}
