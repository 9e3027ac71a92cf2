using Abi.Database.Engine;

namespace Abi.Database.Tests.Engine;

/// <summary>Promises 2 and 5: a power cut behind every step of the disk, with writes that were not flushed dropped, reordered or torn.</summary>
[Parallelizable]
public sealed class PowerCutTests
{
    [TestCase(Durability.Full, 4)]
    [TestCase(Durability.Group, 3)]
    [TestCase(Durability.Os, 3)]
    [TestCase(Durability.Full, 2, true)]
    [TestCase(Durability.Os, 1, true)]
    public async Task LeavesTheStateOfSomeCommitAndEveryAcknowledgedOne(Durability durability, int rounds, bool isEncrypted = false)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var history = await History.RunAsync(24, seed: 5, durability, checkpointsAfter: [8, 17], encryption: key);
        var steps = history.Storage.Journal.Count;
        for (var round = 0; round < rounds; round++)
        {
            for (var step = 0; step <= steps; step++)
            {
                var cut = history.Storage.CutAfter(step, new Random((round * 100_003) + step));
                var state = await OpenAsync(cut, step, key);
                var acknowledged = durability == Durability.Full ? history.Acknowledged.FindLastIndex(at => at <= step) : 0;
                Assert.That(history.States.FindLastIndex(known => known == state), Is.GreaterThanOrEqualTo(acknowledged), $"cut behind step {step} of {steps}, round {round}: {state}");
            }
        }
    }

    /// <summary>A process is killed before each call to the disk in turn, and another one goes on with what it finds, which is not all durable; then the power goes off. What the second one acknowledged is there.</summary>
    [Test]
    public async Task WhatIsWrittenAfterAKillIsThereAfterAPowerCut()
    {
        const int Cuts = 8;
        var (kill, isKilled) = (0, true);
        while (isKilled)
        {
            kill++;
            var disk = new Tests.Storage.MemoryStorage();
            disk.Fails = (call, _) => call >= kill;
            try
            {
                using var killed = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
                await WriteAsync(killed, 0);
                await killed.CheckpointAsync();
                await WriteAsync(killed, 1);
            }
            catch (Exception error) when (error is AbiException or IOException)
            {
                // it was killed
            }

            isKilled = disk.Calls >= kill;
            disk.Fails = null;
            long acknowledged;
            using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
            {
                await WriteAsync(database, 2);
                acknowledged = database.Sequence;
            }

            for (var seed = 0; seed < Cuts; seed++)
            {
                using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(disk.Journal.Count, new Random(seed)), History.Options()));
                Assert.That(again.Recovery.Warnings, Is.Empty, $"killed before call {kill}, power cut {seed}");
                Assert.That(again.Sequence, Is.EqualTo(acknowledged), $"killed before call {kill}, power cut {seed}");
                Assert.That(await again.GetDynamicCollection("c").GetAsync(CrashTests.Key(2, 0)), Is.Not.Null, $"killed before call {kill}, power cut {seed}");
            }
        }

        Assert.That(kill, Is.GreaterThan(30));

        static async Task WriteAsync(VectorDatabase database, int number)
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(CrashTests.Record(number, 0));
        }
    }

    // Also writes after the recovery, and opens once more: what was cut off must never come back.
    private static async Task<string> OpenAsync(Tests.Storage.MemoryStorage disk, int step, EncryptionKey? key)
    {
        string state;
        using (var engine = new DatabaseEngine(disk, History.Options(key: key)))
        using (var database = new VectorDatabase(engine))
        {
            state = await History.StateOfAsync(database);
            if (step % 7 == 0)
            {
                await database.GetDynamicCollection("other", new CollectionDefinition { Data = [new DataField("d", DataKind.Text)] }).EnsureCollectionExistsAsync();
            }
        }

        using (var engine = new DatabaseEngine(disk, History.Options(key: key)))
        using (var database = new VectorDatabase(engine))
        {
            Assert.That(await History.StateOfAsync(database), Is.EqualTo(state), $"opened again after a cut behind step {step}");
        }

        return state;
    }
}
