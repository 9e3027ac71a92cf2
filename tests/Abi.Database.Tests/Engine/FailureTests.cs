using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Promise 6: a call to the disk that fails, each in turn.</summary>
public sealed class FailureTests
{
    [Test]
    public async Task TheWriteFailsTheRestStaysReadableAndNothingAcknowledgedIsLost()
    {
        var calls = 0;
        for (var failing = 0; failing <= calls; failing++) // 0: none, to count the calls
        {
            var disk = new MemoryStorage();
            var number = failing;
            disk.Fails = (call, _) => call == number;
            List<int> acknowledged = [];
            DatabaseEngine? engine = null;
            try
            {
                engine = new DatabaseEngine(disk, History.Options());
                using var database = new VectorDatabase(engine);
                var collection = database.GetDynamicCollection("c", CrashTests.Definition);
                try
                {
                    await collection.EnsureCollectionExistsAsync();
                    for (var i = 0; i < 12; i++)
                    {
                        await collection.UpsertAsync([CrashTests.Record(i, 0), CrashTests.Record(i, 1)]);
                        acknowledged.Add(i);
                        if (i == 6)
                        {
                            await database.CheckpointAsync();
                        }
                    }
                }
                catch (Exception error) when (error is AbiException or IOException)
                {
                    if (await database.CollectionExistsAsync("c"))
                    {
                        Assert.That(await collection.CountAsync(), Is.EqualTo(acknowledged.Count * 2), $"call {failing}");
                        if (database.WriteFailure is not null)
                        {
                            Assert.That(async () => await collection.UpsertAsync(CrashTests.Record(99, 0)), Throws.InstanceOf<DatabaseException>(), $"call {failing}");
                        }
                    }
                }
            }
            catch (Exception error) when (engine is null && error is AbiException or IOException)
            {
                // it failed while it was opened
            }

            calls = Math.Max(calls, disk.Calls);
            disk.Fails = null;
            using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
            if (acknowledged.Count > 0)
            {
                var numbers = again.GetDynamicCollection("c");
                foreach (var i in acknowledged)
                {
                    Assert.That(await numbers.GetAsync(CrashTests.Key(i, 1)), Is.Not.Null, $"call {failing}, record {i}");
                }

                Assert.That(await numbers.CountAsync(), Is.InRange(acknowledged.Count * 2, (acknowledged.Count * 2) + 2));
            }
        }

        Assert.That(calls, Is.GreaterThan(40));
    }
}
