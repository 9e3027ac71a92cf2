using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>The timer of <see cref="Durability.Group"/>.</summary>
public sealed class GroupIntervalTests
{
    [TestCase(60 * 24 * 60)] // more than timers take
    [TestCase(-1)]
    public void AnIntervalThatIsNoneIsRefusedBeforeAnythingIsDone(int minutes)
    {
        using var folder = new TemporaryFolder();
        var options = new DatabaseOptions { Path = folder["db"], Durability = Durability.Group, GroupInterval = TimeSpan.FromMinutes(minutes) };
        Assert.That(() => VectorDatabase.OpenAsync(options), Throws.ArgumentException.With.Message.Contains("GroupInterval"));
        Assert.That(Directory.Exists(folder["db"]), Is.False);
    }

    /// <summary>What is in the log and not in memory must not get others of its number behind it, which would end the log when it is read.</summary>
    [Test]
    public async Task ATimerThatCannotBeMadeLosesNothingThatIsAcknowledged()
    {
        var disk = new MemoryStorage();
        var options = History.Options(Durability.Group);
        var clock = new FailingClock();
        options.Clock = clock;
        List<int> acknowledged = [];
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer });
            clock.Fails = true;
            Assert.That(() => collection.EnsureCollectionExistsAsync(), Throws.Exception);
            clock.Fails = false;
            for (var i = 0; i < 3; i++)
            {
                try
                {
                    await collection.EnsureCollectionExistsAsync();
                    await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = i });
                    acknowledged.Add(i);
                }
                catch (DatabaseException)
                {
                    // refused: it is not acknowledged
                }
            }
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var there = again.GetDynamicCollection("c");
        Assert.That(await there.CollectionExistsAsync() ? await there.CountAsync() : 0, Is.EqualTo(acknowledged.Count));
    }

    private sealed class FailingClock : TimeProvider
    {
        public bool Fails { get; set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => Fails ? throw new InvalidOperationException("no more timers") : base.CreateTimer(callback, state, dueTime, period);
    }
}
