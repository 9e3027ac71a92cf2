using System.Buffers.Binary;
using System.Security.Cryptography;
using Abi.Database.Encryption;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Encryption;

/// <summary>Encrypted files that are written once.</summary>
public sealed class PageFileTests
{
    private const string Name = "rows-1.abi";

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4095)]
    [TestCase(4096)]
    [TestCase(4097)]
    [TestCase(8192)]
    [TestCase(8193)]
    [TestCase(4096 + 65536)]
    [TestCase(4096 + 65537)]
    [TestCase(300_000)]
    public void GivesBackWhatWasWritten(int length)
    {
        var content = Bytes(length);
        using var encryption = Encryption(1);
        var disk = Written(encryption, content);
        Assert.That(disk.Files()[Name], Has.Length.EqualTo(PageFile.Layout.FileBytes(length)));
        using var file = disk.OpenContent(Name);
        Assert.That(file.Length, Is.EqualTo(length));
        var all = new byte[length + 10];
        Assert.That(file.Read(0, all), Is.EqualTo(length));
        Assert.That(all.AsSpan(0, length).SequenceEqual(content));
        var random = new Random(length);
        for (var i = 0; i < 50; i++)
        {
            var at = random.Next(length + 2);
            var part = new byte[random.Next(i % 2 == 0 ? 2 * PageFile.PageBytes : 200_000)];
            var expected = Math.Clamp(length - at, 0, part.Length);
            Assert.That(file.Read(at, part), Is.EqualTo(expected));
            Assert.That(part.AsSpan(0, expected).SequenceEqual(content.AsSpan(Math.Min(at, length), expected)), $"{part.Length} bytes at {at}");
        }
    }

    /// <summary>Files of version 1, with pages of 64 KiB, are read as they are; here they are made from what the format says.</summary>
    [TestCase(0)]
    [TestCase(4096)]
    [TestCase(4097)]
    [TestCase(4096 + 65536)]
    [TestCase(300_000)]
    public void FilesOfTheFirstVersionAreRead(int length)
    {
        var content = Bytes(length);
        using var encryption = Encryption(1);
        var disk = Of(encryption, (Name, OfFirstVersion(encryption, content)));
        Assert.That(Read(disk), Is.EqualTo(content));
        using var file = disk.OpenContent(Name);
        using var paged = new DecryptedFile(disk, Name);
        var random = new Random(length);
        for (var i = 0; i < 50; i++)
        {
            var at = random.Next(length + 1);
            var part = new byte[random.Next(Math.Min(length - at, i % 2 == 0 ? 500 : 200_000) + 1)];
            Assert.That(file.Read(at, part), Is.EqualTo(part.Length));
            Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(at, part.Length)), $"{part.Length} bytes at {at}");
            paged.Read(at, part);
            Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(at, part.Length)), $"{part.Length} bytes at {at}, by parts");
        }
    }

    /// <summary>A page of 64 KiB is decrypted once for all that is read of it, not once for each part of 4 KiB.</summary>
    [TestCase(100)]
    [TestCase(6000)]
    [TestCase(300_000)]
    public void APageOfTheFirstVersionIsReadOnce(int atOnce)
    {
        var content = Bytes(300_000);
        using var encryption = Encryption(1);
        var disk = Of(encryption, (Name, OfFirstVersion(encryption, content)));
        using var paged = new DecryptedFile(disk, Name);
        var reads = 0;
        disk.Reading = (_, _) => reads++;
        for (var at = 0; at < content.Length; at += atOnce)
        {
            var part = new byte[Math.Min(atOnce, content.Length - at)];
            paged.Read(at, part);
            Assert.That(part.AsSpan().SequenceEqual(content.AsSpan(at, part.Length)), $"{part.Length} bytes at {at}");
        }

        Assert.That(reads, Is.EqualTo(6), "the first page of 4 KiB, and 5 of 64 KiB");
        Assert.That(paged.CachedBytes, Is.EqualTo(74 * PageFrame.Bytes));
    }

    [Test]
    public void AnotherVersionIsRefusedAlsoWhenItsChecksumIsRight()
    {
        using var encryption = Encryption(1);
        var file = Written(encryption, Bytes(1000)).Files()[Name];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8), 1);
        SetHeaderChecksum(file);
        Refused(encryption, Name, file, "Page 0"); // a page of either version, but its tag covers the header
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8), 3);
        SetHeaderChecksum(file);
        Assert.That(() => Read(Of(encryption, (Name, file))), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("version 3").And.Message.Contains("newer program"));
    }

    [Test]
    public void TheFirstPageMayBeWrittenLastAndNothingTwice()
    {
        var content = Bytes(200_000);
        using var encryption = Encryption(1);
        var disk = new MemoryStorage { Encryption = encryption };
        using (var file = disk.CreateContent(Name + ".tmp"))
        {
            Assert.That(() => file.Write(5000, content.AsSpan(0, 10)), Throws.InvalidOperationException);
            file.Write(4096, content.AsSpan(4096));
            Assert.That(() => file.Write(4096, content.AsSpan(4096, 10)), Throws.InvalidOperationException);
            Assert.That(() => file.Flush(), Throws.InvalidOperationException, "the first page is missing");
            file.Write(0, content.AsSpan(0, 4096));
            file.Flush();
            Assert.That(() => file.Write(0, content.AsSpan(0, 1)), Throws.InvalidOperationException);
            Assert.That(() => file.Write(content.Length, content.AsSpan(0, 1)), Throws.InvalidOperationException);
            file.Flush();
        }

        disk.Rename(Name + ".tmp", Name);
        Assert.That(Read(disk), Is.EqualTo(content));
    }

    [Test]
    public void EveryFlippedBitAndEveryCutIsRefused()
    {
        using var encryption = Encryption(1);
        var file = Written(encryption, Bytes(70_000)).Files()[Name];
        var random = new Random(3);
        IEnumerable<int> places = [.. Enumerable.Range(0, PageFile.HeaderBytes * 8), .. Enumerable.Range(0, 300).Select(_ => random.Next(file.Length * 8)), .. Enumerable.Range((file.Length - 30) * 8, 240)];
        foreach (var place in places)
        {
            var damaged = file.ToArray();
            damaged[place / 8] ^= (byte)(1 << (place % 8));
            Assert.That(() => Read(Of(encryption, (Name, damaged))), Throws.TypeOf<DatabaseCorruptException>(), $"bit {place % 8} of byte {place / 8}");
        }

        foreach (var length in (int[])[0, 1, 63, 64, 65, (int)PageFile.Layout.FileOffset(1), (int)PageFile.Layout.FileOffset(2), file.Length - 1])
        {
            Assert.That(() => Read(Of(encryption, (Name, file[..length]))), Throws.TypeOf<DatabaseCorruptException>(), $"cut at {length}");
        }

        Assert.That(() => Read(Of(encryption, (Name, [.. file, 0]))), Throws.TypeOf<DatabaseCorruptException>());
    }

    /// <summary>With right checksums, so that only authentication can find it.</summary>
    [Test]
    public void APageFitsInItsPlaceOfItsFileOnly()
    {
        using var encryption = Encryption(1);
        using var other = Encryption(2);
        var file = Written(encryption, Bytes(4096 + (3 * PageFile.PageBytes))).Files()[Name];
        var later = Written(encryption, Bytes(4096 + (3 * PageFile.PageBytes))).Files()[Name];
        Assert.That(later, Is.Not.EqualTo(file), "the same content is encrypted anew each time");
        var (one, two, page) = ((int)PageFile.Layout.FileOffset(1), (int)PageFile.Layout.FileOffset(2), PageFile.PageBytes + PageFile.TrailerBytes);

        byte[] swapped = [.. file[..one], .. file[two..(two + page)], .. file[one..(one + page)], .. file[(two + page)..]];
        Refused(encryption, Name, swapped, "Page 1");
        byte[] repeated = [.. file[..two], .. file[one..(one + page)], .. file[(two + page)..]];
        Refused(encryption, Name, repeated, "Page 2");
        byte[] rolledBack = [.. file[..two], .. later[two..(two + page)], .. file[(two + page)..]];
        Refused(encryption, Name, rolledBack, "Page 2");
        byte[] first = [.. later[..one], .. file[one..]];
        Refused(encryption, Name, first, "Page 1");
        Refused(encryption, "rows-2.abi", file, "Page 0");
        Refused(other, Name, file, "Page 0");

        // A length that was changed together with the checksum of the header and the file.
        var shorter = file[..(file.Length - page)];
        PageFile.Header(4096 + (2 * PageFile.PageBytes), file.AsSpan(PageFile.SaltOffset, PageFile.SaltBytes)).CopyTo(shorter, 0);
        Refused(encryption, Name, shorter, "Page 0");
    }

    [Test]
    public void KeysAreZeroed()
    {
        var dataKey = AuthenticatedCipher.NewKey();
        RandomNumberGenerator.Fill(dataKey);
        var encryption = new StorageEncryption(dataKey, new DecryptedMemory(1));
        encryption.Derive([1], "test", []).Dispose();
        encryption.Dispose();
        Assert.That(dataKey, Is.All.Zero);
        Assert.That(() => encryption.Derive([1], "test", []), Throws.TypeOf<ObjectDisposedException>());

        var fileKey = AuthenticatedCipher.NewKey();
        fileKey[3] = 7;
        var cipher = new AuthenticatedCipher(fileKey);
        cipher.Seal(1, [], [1, 2, 3], new byte[19]);
        cipher.Dispose();
        Assert.That(fileKey, Is.All.Zero);
        Assert.That(() => cipher.Seal(2, [], [1, 2, 3], new byte[19]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void TheBudgetIsKept()
    {
        var memory = new DecryptedMemory(100);
        var lease = memory.Take(70, "this");
        Assert.That(() => memory.Take(31, "that"), Throws.TypeOf<DatabaseException>().With.Message.Contains("that").And.Message.Contains("DecryptedBytes").And.Message.Contains("100"));
        using (memory.Take(30, "that"))
        {
            Assert.That(memory.Used, Is.EqualTo(100));
        }

        lease.Dispose();
        lease.Dispose();
        Assert.That(memory.Used, Is.Zero);
    }

    private static byte[] OfFirstVersion(StorageEncryption encryption, byte[] content)
    {
        const int Page = 65536;
        byte[] header = [.. "ABIENC01"u8, 1, 0, 0, 0, 0, 0, 0, 0, .. BitConverter.GetBytes((long)content.Length), .. Enumerable.Repeat((byte)9, 32), .. new byte[8]];
        SetHeaderChecksum(header);
        using var cipher = PageFile.Cipher(encryption, header.AsSpan(24, 32), Name);
        List<byte> file = [.. header];
        byte[][] pages = [content[..Math.Min(4096, content.Length)], .. content.Skip(4096).Chunk(Page)];
        for (var page = 0; page < pages.Length; page++)
        {
            var stored = new byte[pages[page].Length + 16];
            cipher.Seal((ulong)page, [.. BitConverter.GetBytes((long)page), .. page == 0 ? header : []], pages[page], stored);
            file.AddRange([.. stored, .. BitConverter.GetBytes(Crc32C.Compute(stored))]);
        }

        return [.. file];
    }

    private static void SetHeaderChecksum(Span<byte> header)
    {
        header.Slice(12, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Crc32C.Compute(header[..64]));
    }

    private static void Refused(StorageEncryption encryption, string name, byte[] file, string place) =>
        Assert.That(() => Read(Of(encryption, (name, file)), name), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(place).And.Message.Contains("authenticated"));

    private static StorageEncryption Encryption(byte seed)
    {
        var key = AuthenticatedCipher.NewKey();
        key.AsSpan().Fill(seed);
        return new StorageEncryption(key, new DecryptedMemory(long.MaxValue));
    }

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static MemoryStorage Of(StorageEncryption encryption, (string Name, byte[] Bytes) file)
    {
        var disk = MemoryStorage.Of(new Dictionary<string, byte[]>(StringComparer.Ordinal) { [file.Name] = file.Bytes });
        disk.Encryption = encryption;
        return disk;
    }

    private static MemoryStorage Written(StorageEncryption encryption, byte[] content)
    {
        var disk = new MemoryStorage { Encryption = encryption };
        using var file = disk.CreateContent(Name);
        for (var at = 0; at < content.Length; at += 50_000)
        {
            file.Write(at, content.AsSpan(at, Math.Min(50_000, content.Length - at)));
        }

        file.Flush();
        return disk;
    }

    private static byte[] Read(IStorage disk, string name = Name)
    {
        using var file = disk.OpenContent(name);
        var content = new byte[file.Length];
        Assert.That(file.Read(0, content), Is.EqualTo(content.Length));
        return content;
    }
}
