using Abi.Database.Rows;

namespace Abi.Database.Tests.Rows;

/// <summary>The memory of records that were deleted or replaced is used again, however large they are.</summary>
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
        Assert.That(heap.Read(first).ToArray(), Is.EqualTo(Bytes(added, 3)));
        Assert.That(heap.Read(other).ToArray(), Is.EqualTo(Bytes(freed, 2)));
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
}
