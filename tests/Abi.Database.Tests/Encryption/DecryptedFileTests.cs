using System.Security.Cryptography;
using Abi.Database.Encryption;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Encryption;

/// <summary>Encrypted files that are read page by page within a budget.</summary>
public sealed class DecryptedFileTests
{
    private const string Name = "rows-1.abi";
    private const int Length = (10 * PageFrame.Bytes) + 1234;

    /// <summary>With room for no page, for some and for all, one or four readers read any part, and never is more decrypted than the budget allows.</summary>
    [TestCase(0, 1)]
    [TestCase(PageFrame.Bytes - 1, 4)]
    [TestCase(PageFrame.Bytes, 1)]
    [TestCase(3 * PageFrame.Bytes, 4)]
    [TestCase(100 * PageFrame.Bytes, 4)]
    public void EveryPartIsReadWithinTheBudget(long budget, int threads)
    {
        using var encryption = Encryption(budget);
        var content = Content();
        using var file = Written(encryption, content, out _);
        Parallel.For(0, threads, thread =>
        {
            var random = new Random(thread);
            for (var i = 0; i < 300; i++)
            {
                var at = random.Next(Length);
                var part = new byte[random.Next(Math.Min(Length - at, i % 10 == 0 ? 3 * PageFrame.Bytes : 500) + 1)];
                file.Read(at, part);
                Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(at, part.Length)), $"{part.Length} bytes at {at}");
                Assert.That(encryption.Memory.Used, Is.LessThanOrEqualTo(budget));
            }
        });
        Assert.That(file.CachedBytes, Is.EqualTo(encryption.Memory.Used));
        Assert.That(encryption.Memory.Used, Is.EqualTo(Math.Min(budget / PageFrame.Bytes, 11) * PageFrame.Bytes), "all room is used");
        Assert.That(() => file.Read(Length - 1, new byte[2]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>A page that is read again and again is still there after others were read once.</summary>
    [Test]
    public void WhatIsReadOftenStays()
    {
        using var encryption = Encryption(3 * PageFrame.Bytes);
        using var file = Written(encryption, Content(), out var disk);
        var one = new byte[1];
        for (var page = 2; page < 10; page++)
        {
            file.Read(PageFile.Layout.ContentOffset(1), one);
            file.Read(PageFile.Layout.ContentOffset(page), one);
        }

        Damage(disk, 1);
        file.Read(PageFile.Layout.ContentOffset(1), one); // it is not read from the disk
        Damage(disk, 2);
        Assert.That(() => file.Read(PageFile.Layout.ContentOffset(2), one), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Page 2"));
    }

    /// <summary>What follows what is missing is read from the disk at once, and kept as if it had been read page by page.</summary>
    [Test]
    public void PagesOneAfterAnotherAreReadTogether()
    {
        using var encryption = Encryption(8 * PageFrame.Bytes);
        var content = Content();
        using var file = Written(encryption, content, out var disk);
        file.Read(2 * PageFrame.Bytes, new byte[1]);
        List<long> reads = [];
        disk.Reading = (_, offset) => reads.Add(offset);
        var part = new byte[(8 * PageFrame.Bytes) - 5];
        file.Read(0, part);
        Assert.That(reads, Is.EqualTo([PageFile.Layout.FileOffset(0), PageFile.Layout.FileOffset(3), PageFile.Layout.FileOffset(7)]), "two pages, one that is there, four pages, and one of which less is wanted");
        Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(0, part.Length)));
        Assert.That(file.CachedBytes, Is.EqualTo(8 * PageFrame.Bytes));
        file.Read(0, part);
        Assert.That(reads, Has.Count.EqualTo(3), "all are in memory");
        Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(0, part.Length)));
    }

    /// <summary>A file whose rows were written anew is let go of without being disposed of; an exception while it is collected would end the process.</summary>
    [Test]
    public void OnesThatNobodyDisposedOfAreCollected()
    {
        using var encryption = Encryption(20 * PageFrame.Bytes);
        var content = Content();
        List<WeakReference> files = [.. Enumerable.Range(0, 50).Select(_ => Read(encryption, content))];
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.That(files.Count(file => file.IsAlive), Is.LessThanOrEqualTo(1));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference Read(StorageEncryption encryption, byte[] content)
        {
            var file = Written(encryption, content, out _);
            file.Read(0, new byte[Length]);
            return new WeakReference(file);
        }
    }

    /// <summary>Neither the page nor its memory is lost when a page cannot be read.</summary>
    [Test]
    public void DamageThatCameLaterIsNamedAndNothingIsKeptOfIt()
    {
        using var encryption = Encryption(2 * PageFrame.Bytes);
        var content = Content();
        using var file = Written(encryption, content, out var disk);
        Damage(disk, 4);
        var part = new byte[100];
        for (var i = 0; i < 5; i++)
        {
            Assert.That(() => file.Read(PageFile.Layout.ContentOffset(4) + 10, part), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Page 4").And.Message.Contains(Name));
        }

        Assert.That(file.CachedBytes, Is.Zero);
        Damage(disk, 4); // mends it
        file.Read(PageFile.Layout.ContentOffset(4) + 10, part);
        Assert.That(part, Is.EqualTo(content.AsSpan((int)PageFile.Layout.ContentOffset(4) + 10, 100).ToArray()));
    }

    [Test]
    public void PagesMakeRoomForWhatHasToBeWhole()
    {
        using var encryption = Encryption(4 * PageFrame.Bytes);
        var content = Content();
        using var file = Written(encryption, content, out _);
        var all = new byte[Length];
        file.Read(0, all);
        Assert.That(encryption.Memory.Used, Is.EqualTo(4 * PageFrame.Bytes));
        using (encryption.Memory.Take((3 * PageFrame.Bytes) - 5, "this"))
        {
            Assert.That(file.CachedBytes, Is.EqualTo(PageFrame.Bytes));
            file.Read(0, all);
            Assert.That(all.AsSpan().SequenceEqual(content));
            Assert.That(encryption.Memory.Used, Is.LessThanOrEqualTo(4 * PageFrame.Bytes));
            Assert.That(encryption.Memory.TryTakeWhole(1), Is.Null, "half is for pages");
        }

        Assert.That(() => encryption.Memory.Take((4 * PageFrame.Bytes) + 1, "that"), Throws.TypeOf<DatabaseException>());
        file.Read(0, all);
        Assert.That(all.AsSpan().SequenceEqual(content));
    }

    [Test]
    public void EndsWithTheKeys()
    {
        var encryption = Encryption(PageFrame.Bytes);
        using var file = Written(encryption, Content(), out _);
        encryption.Dispose();
        Assert.That(() => file.Read(0, new byte[1]), Throws.TypeOf<ObjectDisposedException>());
    }

    private static byte[] Content()
    {
        var content = new byte[Length];
        new Random(7).NextBytes(content);
        return content;
    }

    private static DecryptedFile Written(StorageEncryption encryption, byte[] content, out MemoryStorage disk)
    {
        disk = new MemoryStorage { Encryption = encryption };
        using (var file = disk.CreateContent(Name))
        {
            file.Write(PageLayout.FirstPageBytes, content.AsSpan(PageLayout.FirstPageBytes));
            file.Write(0, content.AsSpan(0, PageLayout.FirstPageBytes));
            file.Flush();
        }

        return new DecryptedFile(disk, Name);
    }

    private static void Damage(MemoryStorage disk, int page)
    {
        using var file = disk.Open(Name, create: false);
        var one = new byte[1];
        file.Read(PageFile.Layout.FileOffset(page) + 20, one);
        one[0] ^= 1;
        file.Write(PageFile.Layout.FileOffset(page) + 20, one);
    }

    private static StorageEncryption Encryption(long budget)
    {
        var key = AuthenticatedCipher.NewKey();
        RandomNumberGenerator.Fill(key);
        return new StorageEncryption(key, new DecryptedMemory(budget));
    }
}
