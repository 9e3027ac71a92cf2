using System.Collections.Immutable;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Llm.Cache;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Llm.Tests.Cache;

/// <summary>Page tables against a plain model: every sequence sees what it wrote, whatever others do, and nothing leaks.</summary>
[Parallelizable]
public sealed class PageTableTests
{
    [Test]
    public void RandomForksRewindsAndWritesNeverDisturbEachOther()
    {
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            using var store = new ArrayStore(pages: 40, slots: 6, withRecurrent: random.Next(2) == 0);
            var pool = new StatePool(store);
            var checkpoints = new CheckpointCache(pool, capacity: 4, interval: 32);
            var sequences = new List<(SequenceState State, List<int> Written)>();
            for (var step = 0; step < 200; step++)
            {
                switch (random.Next(7))
                {
                    case 0 when sequences.Count < 5:
                        sequences.Add((new SequenceState(pool), []));
                        break;
                    case 1 when sequences.Count is > 0 and < 5:
                        var parent = sequences[random.Next(sequences.Count)];
                        var child = new SequenceState(pool);
                        if (parent.Written.Count > 0)
                        {
                            parent.State.ShareWith(child);
                            sequences.Add((child, [.. parent.Written]));
                        }

                        break;
                    case 2 when sequences.Count > 0:
                        var rewound = sequences[random.Next(sequences.Count)];
                        var length = random.Next(rewound.Written.Count + 1);
                        if (rewound.State.TryTruncate(length, rewound.Written.Count))
                        {
                            rewound.Written.RemoveRange(length, rewound.Written.Count - length);
                        }

                        break;
                    case 4 when sequences.Count > 0 && pool.HasRecurrent:
                        var remembered = sequences[random.Next(sequences.Count)];
                        if (remembered.Written.Count > 0)
                        {
                            checkpoints.Add(remembered.Written.ToArray(), remembered.State);
                        }

                        break;
                    case 5 when sequences.Count is > 0 and < 5 && pool.HasRecurrent:
                        // another text that begins like one of those
                        var like = sequences[random.Next(sequences.Count)].Written;
                        var taker = new SequenceState(pool);
                        var taken = checkpoints.Take(like.ToArray(), 0, random.Next(like.Count + 1), taker);
                        sequences.Add((taker, like[..taken]));
                        break;
                    case 3 when sequences.Count > 0 && random.Next(4) == 0:
                        var gone = random.Next(sequences.Count);
                        sequences[gone].State.Clear();
                        sequences.RemoveAt(gone);
                        break;
                    default:
                        if (sequences.Count > 0)
                        {
                            Write(store, sequences[random.Next(sequences.Count)], random, checkpoints);
                        }

                        break;
                }

                foreach (var (state, written) in sequences)
                {
                    Assert.That(state.Slot < 0 ? 0 : store.Sums[state.Slot], Is.EqualTo(pool.HasRecurrent ? written.Aggregate(0L, ArrayStore.Next) : 0));
                    var disturbed = Enumerable.Range(0, written.Count).FirstOrDefault(p => store.Cells[state.Table(0).Pages[p / StateStore.PageLength], p % StateStore.PageLength] != written[p], -1);
                    Assert.That(disturbed, Is.EqualTo(-1), "the first place that holds something else");
                }
            }

            foreach (var (state, _) in sequences)
            {
                state.Clear();
            }

            Assert.That(checkpoints.Count, Is.LessThanOrEqualTo(4));
            Assert.That(checkpoints.CountUnshared(), Is.EqualTo((pool.Pages.UsedCount, pool.Slots.UsedCount)), "what is left is the checkpoints'");
            while (checkpoints.TryEvict())
            {
            }

            Assert.That(pool.Pages.FreeCount, Is.EqualTo(40));
            Assert.That(pool.Slots.FreeCount, Is.EqualTo(store.Options.RecurrentSlots));
        }));
    }

    [Test]
    public void TooFewPagesChangeNothing()
    {
        using var store = new ArrayStore(pages: 2, slots: 0, withRecurrent: false);
        var pool = new StatePool(store);
        var state = new SequenceState(pool);
        Assert.That(state.TryReserve(0, 65), Is.False);
        Assert.That(pool.Pages.FreeCount, Is.EqualTo(2));
        Assert.That(state.TryReserve(0, 64), Is.True);
        Assert.That(pool.UsedBytes, Is.EqualTo(2 * store.PageBytes));
    }

    [Test]
    public void PagesBehindAWindowAreGivenBackAndARewindIntoThemIsRefused()
    {
        using var store = new ArrayStore(pages: 10, slots: 0, withRecurrent: false, window: 40);
        var pool = new StatePool(store);
        var state = new SequenceState(pool);
        Assert.That(state.TryReserve(0, 200), Is.True);
        state.Advance(0, 200);
        // position 200 reads from 161 on: pages 0 to 4 (positions 0 to 159) are free
        Assert.That(pool.Pages.UsedCount, Is.EqualTo(2));
        Assert.That(state.TryTruncate(199, 200), Is.True);
        Assert.That(state.TryTruncate(150, 199), Is.False);
    }

    private static void Write(ArrayStore store, (SequenceState State, List<int> Written) sequence, Random random, CheckpointCache checkpoints)
    {
        var count = random.Next(1, 70);
        while (!sequence.State.TryReserve(0, sequence.Written.Count + count))
        {
            if (!checkpoints.TryEvict())
            {
                return;
            }
        }

        for (var i = 0; i < count; i++)
        {
            var p = sequence.Written.Count;
            var value = random.Next();
            store.Cells[sequence.State.Table(0).Pages[p / StateStore.PageLength], p % StateStore.PageLength] = value;
            sequence.Written.Add(value);
            if (sequence.State.Slot >= 0)
            {
                store.Sums[sequence.State.Slot] = ArrayStore.Next(store.Sums[sequence.State.Slot], value);
            }
        }

        sequence.State.Advance(0, sequence.Written.Count);
    }

    private sealed class ArrayStore : StateStore
    {
        public ArrayStore(int pages, int slots, bool withRecurrent, int window = 0)
        {
            Layout = new StateLayout([new CacheLayer(0, 0, 1, 1, 1, window)], withRecurrent ? [new RecurrentLayer(0, 1)] : []);
            Options = new StateOptions { Pages = pages, RecurrentSlots = withRecurrent ? slots : 0 };
            Cells = new int[pages, PageLength];
        }

        public int[,] Cells { get; }

        /// <summary>The recurrent state of each slot: all that was written, taken together.</summary>
        public long[] Sums { get; } = new long[16];

        public static long Next(long sum, int value) => unchecked((sum * 31) + value);

        public override StateLayout Layout { get; }

        public override StateOptions Options { get; }

        public override long PageBytes => PageLength * sizeof(int);

        public override long SlotBytes => sizeof(float);

        public override void CopyPage(int from, int to)
        {
            for (var i = 0; i < PageLength; i++)
            {
                Cells[to, i] = Cells[from, i];
            }
        }

        public override void CopySlot(int from, int to) => Sums[to] = Sums[from];

        public override void ClearSlot(int slot) => Sums[slot] = 0;

        public override void ReadPage(int page, Span<byte> destination) => throw new NotSupportedException();

        public override void WritePage(int page, ReadOnlySpan<byte> source) => throw new NotSupportedException();

        public override void ReadSlot(int slot, Span<byte> destination) => throw new NotSupportedException();

        public override void WriteSlot(int slot, ReadOnlySpan<byte> source) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }
    }
}
