using System.Security.Cryptography;
using Abi.Database.Encryption;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Encryption;

/// <summary>Encrypted files that are read page by page within a budget.</summary>
public sealed class DecryptedFileTests
{
    private const string Name = "rows-1.abi";
    private const int Length = PageFile.FirstPageBytes + (9 * PageFile.PageBytes) + 1234;

    /// <summary>With room for no page, for some and for all, one or four readers read any part, and never is more decrypted than the budget allows.</summary>
    [TestCase(0, 1)]
    [TestCase(PageFile.PageBytes - 1, 4)]
    [TestCase(PageFile.PageBytes, 1)]
    [TestCase(3 * PageFile.PageBytes, 4)]
    [TestCase(100 * PageFile.PageBytes, 4)]
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
                var part = new byte[random.Next(Math.Min(Length - at, i % 10 == 0 ? 3 * PageFile.PageBytes : 500) + 1)];
                file.Read(at, part);
                Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(at, part.Length)), $"{part.Length} bytes at {at}");
                Assert.That(encryption.Memory.Used, Is.LessThanOrEqualTo(budget));
            }
        });
        Assert.That(file.CachedBytes, Is.EqualTo(encryption.Memory.Used));
        Assert.That(encryption.Memory.Used, Is.EqualTo(Math.Min(budget / PageFile.PageBytes, 11) * PageFile.PageBytes), "all room is used");
        Assert.That(() => file.Read(Length - 1, new byte[2]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>A page that is read again and again is still there after others were read once.</summary>
    [Test]
    public void WhatIsReadOftenStays()
    {
        using var encryption = Encryption(3 * PageFile.PageBytes);
        using var file = Written(encryption, Content(), out var disk);
        var one = new byte[1];
        for (var page = 2; page < 10; page++)
        {
            file.Read(PageFile.ContentOffset(1), one);
            file.Read(PageFile.ContentOffset(page), one);
        }

        Damage(disk, 1);
        file.Read(PageFile.ContentOffset(1), one); // it is not read from the disk
        Damage(disk, 2);
        Assert.That(() => file.Read(PageFile.ContentOffset(2), one), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Page 2"));
    }

    /// <summary>A file whose rows were written anew is let go of without being disposed of; an exception while it is collected would end the process.</summary>
    [Test]
    public void OnesThatNobodyDisposedOfAreCollected()
    {
        using var encryption = Encryption(20 * PageFile.PageBytes);
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
        using var encryption = Encryption(2 * PageFile.PageBytes);
        var content = Content();
        using var file = Written(encryption, content, out var disk);
        Damage(disk, 4);
        var part = new byte[100];
        for (var i = 0; i < 5; i++)
        {
            Assert.That(() => file.Read(PageFile.ContentOffset(4) + 10, part), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Page 4").And.Message.Contains(Name));
        }

        Assert.That(file.CachedBytes, Is.Zero);
        Damage(disk, 4); // mends it
        file.Read(PageFile.ContentOffset(4) + 10, part);
        Assert.That(part, Is.EqualTo(content.AsSpan((int)PageFile.ContentOffset(4) + 10, 100).ToArray()));
    }

    [Test]
    public void PagesMakeRoomForWhatHasToBeWhole()
    {
        using var encryption = Encryption(4 * PageFile.PageBytes);
        var content = Content();
        using var file = Written(encryption, content, out _);
        var all = new byte[Length];
        file.Read(0, all);
        Assert.That(encryption.Memory.Used, Is.EqualTo(4 * PageFile.PageBytes));
        using (encryption.Memory.Take((3 * PageFile.PageBytes) - 5, "this"))
        {
            Assert.That(file.CachedBytes, Is.EqualTo(PageFile.PageBytes));
            file.Read(0, all);
            Assert.That(all.AsSpan().SequenceEqual(content));
            Assert.That(encryption.Memory.Used, Is.LessThanOrEqualTo(4 * PageFile.PageBytes));
            Assert.That(encryption.Memory.TryTakeWhole(1), Is.Null, "half is for pages");
        }

        Assert.That(() => encryption.Memory.Take((4 * PageFile.PageBytes) + 1, "that"), Throws.TypeOf<DatabaseException>());
        file.Read(0, all);
        Assert.That(all.AsSpan().SequenceEqual(content));
    }

    [Test]
    public void EndsWithTheKeys()
    {
        var encryption = Encryption(PageFile.PageBytes);
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
            file.Write(PageFile.FirstPageBytes, content.AsSpan(PageFile.FirstPageBytes));
            file.Write(0, content.AsSpan(0, PageFile.FirstPageBytes));
            file.Flush();
        }

        return new DecryptedFile(disk, Name);
    }

    private static void Damage(MemoryStorage disk, int page)
    {
        using var file = disk.Open(Name, create: false);
        var one = new byte[1];
        file.Read(PageFile.FileOffset(page) + 20, one);
        one[0] ^= 1;
        file.Write(PageFile.FileOffset(page) + 20, one);
    }

    private static StorageEncryption Encryption(long budget)
    {
        var key = AuthenticatedCipher.NewKey();
        RandomNumberGenerator.Fill(key);
        return new StorageEncryption(key, new DecryptedMemory(budget));
    }
}
