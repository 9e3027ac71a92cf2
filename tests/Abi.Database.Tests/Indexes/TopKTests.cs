using Abi.Database.Indexes;

namespace Abi.Database.Tests.Indexes;

/// <summary>The nearest of many.</summary>
public sealed class TopKTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(10)]
    [TestCase(100)]
    [TestCase(1000)]
    [TestCase(5000)]
    public void KeepsTheNearestAndOfEqualOnesTheLowerSlots(int capacity)
    {
        var random = new Random(capacity);
        var all = Enumerable.Range(0, 3000).Select(slot => (Distance: (float)random.Next(-50, 50), Slot: slot)).ToArray();
        random.Shuffle(all);
        var best = new TopK(capacity);
        for (var i = 0; i < all.Length; i++)
        {
            best.Add(all[i].Distance, all[i].Slot);
            if (i % 500 == 499)
            {
                var expected = all.Take(i + 1).OrderBy(one => one.Distance).ThenBy(one => one.Slot).Take(capacity).ToArray();
                Assert.That(best.Items.ToArray().Select(item => (ScoredSlot.Distance(item), ScoredSlot.Slot(item))), Is.EqualTo(expected));
                Assert.That(best.Threshold, best.Count == capacity ? Is.GreaterThan(expected[^1].Distance).And.LessThan(expected[^1].Distance + 0.001f) : Is.EqualTo(float.PositiveInfinity));
            }
        }
    }

    [Test]
    public void MergesWhatOthersFoundOnce()
    {
        var (one, other) = (new TopK(4), new TopK(4));
        foreach (var slot in new[] { 1, 3, 5, 9 })
        {
            one.Add(slot, slot);
        }

        foreach (var slot in new[] { 0, 3, 4, 5 })
        {
            other.Add(slot, slot);
        }

        one.Merge(other);
        Assert.That(one.Items.ToArray().Select(ScoredSlot.Slot), Is.EqualTo(new[] { 0, 1, 3, 4 }));
    }

    [Test]
    public void WhatIsNoNumberIsFarthest()
    {
        var best = new TopK(3);
        best.Add(float.NaN, 1);
        best.Add(-float.NaN, 2);
        best.Add(float.PositiveInfinity, 0);
        best.Add(1, 3);
        Assert.That(best.Items.ToArray().Select(ScoredSlot.Slot), Is.EqualTo(new[] { 3, 0, 1 }));
    }

    [Test]
    [CancelAfter(5_000)]
    public void AMillionAreKeptInTimeThatDoesNotGrowWithTheirSquare(CancellationToken stop)
    {
        const int Many = 1_000_000;
        var order = Enumerable.Range(0, Many).ToArray();
        new Random(1).Shuffle(order);
        var best = new TopK(Many);
        foreach (var slot in order)
        {
            best.Add(slot, slot);
            stop.ThrowIfCancellationRequested();
        }

        Assert.That(best.Items.ToArray().Select(ScoredSlot.Slot), Is.EqualTo(Enumerable.Range(0, Many)));
    }
}
