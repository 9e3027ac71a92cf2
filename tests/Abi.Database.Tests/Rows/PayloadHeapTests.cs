using System.Runtime.InteropServices;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Tests.Rows;

/// <summary>The memory of records that were deleted or replaced is used again, however large they are.</summary>
[Parallelizable]
public sealed class PayloadHeapTests
{
    [TestCase(100, 100)]
    [TestCase(4000, 4000)]
    [TestCase(5000, 4900)]
    [TestCase(100_000, 99_000)]
    [TestCase(5_000_000, 4_999_000)]
    public void FreedBlocksAreUsedAgain(int freed, int added)
    {
        var heap = new PayloadHeap();
        var first = heap.Add(Bytes(freed, 1));
        var other = heap.Add(Bytes(freed, 2));
        heap.Free(first);
        Assert.That(heap.Add(Bytes(added, 3)), Is.EqualTo(first));
        Assert.That(heap.Read(first).SequenceEqual(Bytes(added, 3)), Is.True);
        Assert.That(heap.Read(other).SequenceEqual(Bytes(freed, 2)), Is.True);
        GC.KeepAlive(heap);
    }

    /// <summary>They have their exact size, so that what fits other blocks of these granules would reach into the next.</summary>
    [TestCase(5000, 5100, false)]
    [TestCase(4000, 4000, true)]
    public unsafe void BlocksOfAFileAreUsedAgainWhereTheyHaveTheSize(int freed, int added, bool isUsedAgain)
    {
        var bytes = PayloadHeap.BlockBytes(freed);
        using var file = new Copy(2 * bytes);
        *(int*)file.Address = freed;
        var heap = new PayloadHeap();
        heap.Keep(file);
        heap.Free((nint)file.Address);
        Assert.That(heap.Add(Bytes(added, 1)) == (nint)file.Address, Is.EqualTo(isUsedAgain));
        Assert.That(new Span<byte>(file.Address + bytes, bytes).ContainsAnyExcept((byte)0), Is.False, "the next block");
        GC.KeepAlive(heap);
    }

    [Test]
    public void BlocksOfAllLengthsKeepWhatIsTheirs()
    {
        var random = new Random(1);
        var heap = new PayloadHeap();
        Dictionary<nint, byte[]> live = [];
        for (var i = 0; i < 2000; i++)
        {
            if (live.Count > 50)
            {
                var (address, bytes) = live.ElementAt(random.Next(live.Count));
                Assert.That(heap.Read(address).SequenceEqual(bytes), Is.True);
                Assert.That(live.Remove(address), Is.True);
                heap.Free(address);
            }

            var added = Bytes(random.Next(1 << random.Next(17)), (byte)i);
            Assert.That(live.TryAdd(heap.Add(added), added), Is.True);
        }

        Assert.That(live.All(block => heap.Read(block.Key).SequenceEqual(block.Value)), Is.True);
        GC.KeepAlive(heap);
    }

    private static byte[] Bytes(int count, byte value)
    {
        var bytes = new byte[count];
        Array.Fill(bytes, value);
        return bytes;
    }

    /// <summary>A file's bytes, all zero.</summary>
    private sealed unsafe class Copy(int length) : StorageView
    {
        public override byte* Address { get; } = (byte*)NativeMemory.AllocZeroed((nuint)length);

        public override long Length => length;

        public override void Dispose() => NativeMemory.Free(Address);
    }
}
