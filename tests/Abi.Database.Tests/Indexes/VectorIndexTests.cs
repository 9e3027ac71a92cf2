using System.Runtime.InteropServices;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Tests.Indexes;

/// <summary>The states of vectors between the writer and the work in the background.</summary>
public sealed class VectorIndexTests
{
    /// <summary>The vector of a deleted record that waits for the graph is skipped; until then its slot is not free, so that it never waits there twice.</summary>
    [Test]
    public void ADeletedVectorIsGivenUpWhenItWaitsNoMore()
    {
        const int Vectors = 10;
        var index = new VectorIndex(new VectorField("v", 4) { IndexKind = IndexKind.Hnsw }, long.MaxValue);
        index.Grow(NativeColumn.ChunkSlots);
        index.Publish(0);
        for (var slot = 0; slot < Vectors; slot++)
        {
            index.Set(slot, MemoryMarshal.AsBytes<float>([slot, 1, 2, 3]));
        }

        index.Publish(Vectors);
        bool? isReleased = null;
        var more = index.LinkSome(
            slot =>
            {
                isReleased ??= slot == Vectors - 1 ? index.TryRelease(0) : null;
                return slot == 0;
            },
            threads: 1,
            new WriteAdmission(1));
        Assert.That(isReleased, Is.False, "while it is looked for others that are deleted");
        Assert.That((more, index.Pending.Count, index.Graph!.Count), Is.EqualTo((false, 0, Vectors - 1)));
        Assert.That(index.TryRelease(1), Is.False, "it is in the graph");
        Assert.That(index.TryRelease(0), Is.True);
    }

    /// <summary>What a recall takes is found out among the vectors that are there, also when all were replaced, so that as many are there as before.</summary>
    [Test]
    public void ARecallIsMeasuredOnVectorsThatAreThere()
    {
        const int Vectors = 2000;
        var random = new Random(3);
        var index = new VectorIndex(new VectorField("v", 8) { IndexKind = IndexKind.Hnsw }, long.MaxValue);
        index.Grow(NativeColumn.ChunkSlots);
        index.Publish(0);
        Fill(0);
        var before = index.EffortFor(index.Graph!, 0.9, 10);
        Fill(Vectors);
        index.Unlink(slot => slot < Vectors, 2 * Vectors, threads: 1, new WriteAdmission(1));
        Assert.That(index.Graph!.Count, Is.EqualTo(Vectors));
        Assert.That((int[])[before, index.EffortFor(index.Graph, 0.9, 10), index.EffortFor(index.Graph, 0.95, 10)], Is.All.LessThan(256));

        void Fill(int from)
        {
            for (var slot = from; slot < from + Vectors; slot++)
            {
                float[] vector = [.. Enumerable.Range(0, 8).Select(_ => random.NextSingle() - 0.5f)];
                index.Set(slot, MemoryMarshal.AsBytes<float>(vector));
            }

            index.Publish(from + Vectors);
            while (index.LinkSome(_ => false, threads: 1, new WriteAdmission(1)))
            {
            }
        }
    }
}
