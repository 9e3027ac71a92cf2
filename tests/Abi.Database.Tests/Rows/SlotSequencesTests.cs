using Abi.Database.Rows;

namespace Abi.Database.Tests.Rows;

/// <summary>Sequences of slots, against a plain array: chunks that are all alike are shared, also between collections.</summary>
public sealed class SlotSequencesTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(16_384)]
    [TestCase(40_000)]
    public void BehavesAsAnArray(int cleared)
    {
        const int Slots = 70_000;
        var (some, other) = (new SlotSequences(), new SlotSequences());
        var expected = new long[Slots];
        Array.Fill(expected, SlotSequences.None);
        some.Grow(Slots / 2);
        other.Grow(Slots);
        some.Grow(Slots);
        other.Clear(Slots);
        some.Clear(Math.Min(cleared, Slots));
        expected.AsSpan(0, cleared).Clear();
        var random = new Random(cleared);
        for (var i = 0; i < 5000; i++)
        {
            var slot = random.Next(Slots / 3, Slots); // none in the first chunk
            expected[slot] = some[slot] = random.Next(4) switch { 0 => 0, 1 => SlotSequences.None, _ => random.Next() };
        }

        for (var slot = 0; slot < Slots; slot++)
        {
            Assert.That(some[slot] == expected[slot] && other[slot] == 0, $"slot {slot}");
        }
    }

    [Test]
    public void SlotsThatAreAllAlikeTakeNoMemory()
    {
        var some = new SlotSequences();
        some.Grow(1); // makes what is shared
        var before = GC.GetAllocatedBytesForCurrentThread();
        some.Grow(1_000_000);
        some.Clear(1_000_000 & ~SlotArray<long>.Mask);
        some[5] = 0;
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1000));
        some[5] = 1;
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.InRange(SlotArray<long>.ChunkSlots * 8, (SlotArray<long>.ChunkSlots * 8) + 1000));
    }
}
