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
}
