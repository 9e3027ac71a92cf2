using System.Buffers.Binary;
using System.Diagnostics;
using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Rows;

/// <summary>A record that is written again and again, as a counter is, is found as fast as others.</summary>
public sealed class KeyIndexTests
{
    /// <summary>Its versions are not all kept until they are a twentieth of the collection, nor as long as a reader sees one of them; that one is.</summary>
    /// <param name="isRead">Whether a reader holds a snapshot meanwhile.</param>
    /// <param name="ofACommit">How many updates are written together.</param>
    [Test]
    public async Task VersionsThatNobodyCanSeeAreNotLookedThrough([Values] bool isRead, [Values(1, 400)] int ofACommit)
    {
        const int Records = 20_000, Updates = 800;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, Records).Select(key => Record(key, 0)));
        var store = database.Engine.Find("c")!.Store;
        var key = RecordCodec.EncodeKey(KeyKind.Integer, 77L);
        var (place, view) = store.BeginRead();
        var before = store.Find(key, store.Visible(view, 0));
        if (!isRead)
        {
            store.EndRead(place);
        }

        foreach (var some in Enumerable.Range(1, Updates).Chunk(ofACommit))
        {
            await collection.UpsertAsync(some.Select(i => Record(77, i)));
        }

        var versions = 0;
        store.Keys.Find(key, (_, _) => ++versions < 0, 0);
        Assert.That(versions, Is.InRange(isRead ? 2 : 1, 40));
        Assert.That((await collection.GetAsync(77L))!["n"], Is.EqualTo((long)Updates));
        if (isRead)
        {
            Assert.That(store.Find(key, store.Visible(view, 0)), Is.EqualTo(before));
            store.EndRead(place);
            for (var i = 0; i < 40; i++)
            {
                await collection.UpsertAsync(Record(77, i));
            }

            versions = 0;
            store.Keys.Find(key, (_, _) => ++versions < 0, 0);
            Assert.That(versions, Is.InRange(1, 40));
        }

        static Dictionary<string, object?> Record(int key, int number) => new(StringComparer.Ordinal) { ["Key"] = (long)key, ["n"] = (long)number };
    }

    /// <summary>Nor are those that readers saw who have gone, while an older snapshot is still read.</summary>
    [Test]
    public async Task VersionsThatReadersSawAreNotLookedThroughWhenTheyHaveGone()
    {
        const int Updates = 1000, Reads = 16;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        var store = database.Engine.Find("c")!.Store;
        var key = RecordCodec.EncodeKey(KeyKind.Integer, 77L);
        await UpsertAsync(0);
        var (old, oldView) = store.BeginRead();
        var before = store.Find(key, store.Visible(oldView, 0));
        Queue<(int Place, CollectionView View, int Slot)> reads = [];
        for (var i = 1; i <= Updates; i++)
        {
            var (place, view) = store.BeginRead();
            reads.Enqueue((place, view, store.Find(key, store.Visible(view, 0))));
            await UpsertAsync(i);
            if (reads.Count > Reads)
            {
                var read = reads.Dequeue();
                Assert.That(store.Find(key, store.Visible(read.View, 0)), Is.EqualTo(read.Slot).And.Not.Negative);
                store.EndRead(read.Place);
            }
        }

        var versions = 0;
        store.Keys.Find(key, (_, _) => ++versions < 0, 0);
        Assert.That(versions, Is.InRange(Reads, 8 * Reads));
        Assert.That(store.Find(key, store.Visible(oldView, 0)), Is.EqualTo(before).And.Not.Negative);
        store.EndRead(old);

        Task UpsertAsync(int number) => collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = 77L, ["n"] = (long)number });
    }

    /// <summary>Checksums are linear, so that keys which share one are easily made: each is the first with a multiple of the polynomial added.</summary>
    [TestCase(16)]
    [TestCase(17)]
    public void KeysThatAreMadeToShareAChecksumShareNoHash(int length)
    {
        const int Keys = 1000;
        const ulong Polynomial = (0x82F63B78ul << 1) | 1; // of CRC-32C, the highest power first
        HashSet<uint> hashes = [], checksums = [];
        for (var i = 0u; i < Keys; i++)
        {
            UInt128 multiple = 0;
            for (var bit = 0; bit < 10; bit++)
            {
                multiple ^= (i >> bit & 1) * ((UInt128)Polynomial << bit);
            }

            var key = new byte[length];
            BinaryPrimitives.WriteUInt128LittleEndian(key, multiple);
            checksums.Add(Crc32C.Compute(key));
            hashes.Add(KeyIndex.Hash(key));
        }

        Assert.That(checksums, Has.Count.EqualTo(1));
        Assert.That(hashes, Has.Count.GreaterThan(Keys - 10));
    }

    /// <summary>The places of those that were removed are used again, so that no long way leads over them.</summary>
    [Test]
    public void WhatIsRemovedAndAddedLeavesNoWayBehind()
    {
        const int Rounds = 200_000;
        var limit = TimeSpan.FromSeconds(10); // a thousand times what it takes, so that only what grows with the square of the rounds reaches it
        var index = new KeyIndex(new PayloadHeap(), new SlotArray<nint>(0));
        index.Reserve(4 * Rounds);
        byte[] key = [1, 2, 3];
        var begun = Stopwatch.GetTimestamp();
        for (var slot = 0; slot < Rounds && Stopwatch.GetElapsedTime(begun) < limit; slot++)
        {
            index.Add(key, slot);
            index.Remove(KeyIndex.Hash(key), slot);
        }

        Assert.That(Stopwatch.GetElapsedTime(begun), Is.LessThan(limit));
    }
}
