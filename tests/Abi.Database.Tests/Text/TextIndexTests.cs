using System.Globalization;
using Abi.Database.Indexes;
using Abi.Database.Rows;
using Abi.Database.Text;

namespace Abi.Database.Tests.Text;

/// <summary>What deleted records leave in an index of words, and what common words cost.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TextIndexTests
{
    private const int Records = 6_000;

    private readonly SlotSequences _created = new();
    private readonly SlotSequences _deleted = new();
    private readonly TextIndex _index;

    public TextIndexTests()
    {
        _created.Grow(SlotArray<int>.ChunkSlots);
        _deleted.Grow(SlotArray<int>.ChunkSlots);
        _index = new TextIndex(new DataField("text", DataKind.Text) { IsFullTextIndexed = true }, _created);
        _index.Grow(SlotArray<int>.ChunkSlots);
    }

    /// <summary>All are deleted before the first slot is free again: a word's list must not be made anew for each of them.</summary>
    [Test]
    public void ManyDeletionsAtOnceCostWhatTheyAre()
    {
        for (var slot = 0; slot < Records; slot++)
        {
            Add(slot, slot + 1, "the cat");
        }

        for (var slot = 0; slot < Records * 3 / 4; slot++)
        {
            _index.Remove("the cat");
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var slot = 0; slot < Records * 3 / 4; slot++)
        {
            Release(slot, "the cat");
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20));
    }

    [Test]
    public void WordsThatNoRecordHasAnyMoreGo()
    {
        for (var i = 0; i < Records; i++)
        {
            var text = string.Create(CultureInfo.InvariantCulture, $"cat number{i}");
            Add(0, i + 1, text);
            _index.Remove(text);
            Release(0, text);
        }

        Assert.That(_index.Words, Is.Zero);
    }

    /// <summary>"the cat" asks which records with "cat" have "the" before it, not which of all those with "the" go on so.</summary>
    [Test]
    public void APhraseIsLookedForByItsRarestWord()
    {
        for (var slot = 0; slot < Records; slot++)
        {
            Add(slot, slot + 1, slot % 1_000 == 0 ? "so the cat and the cat" : slot % 1_000 == 1 ? "cat the" : "the dog");
        }

        var visible = new VisibleSlots(_created, _deleted, null, Records, 0, null, null);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var found = new TextSearcher("c", [_index], new TextScoring(), visible, Records).Search(TextQuery.Phrase("the cat"), 10);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(500_000));
        Assert.That(found.Select(item => item.Slot), Is.EqualTo((int[])[0, 1_000, 2_000, 3_000, 4_000, 5_000]));
    }

    /// <summary>A word that comes again after it was gone is found by how it begins.</summary>
    [Test]
    public void AListOfWordsForgetsWhatIsGone()
    {
        HashSet<string> there = [];
        var list = new WordList(there.Contains);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 1_000; i++)
            {
                var word = string.Create(CultureInfo.InvariantCulture, $"cat{round * 1_000 + i}");
                there.Add(word);
                list.Add(word);
                there.Remove(word);
            }

            there.Add("catalogue");
            list.Add("catalogue");
            Assert.That(list.Find("cat"), Has.Count.LessThan(100).And.Contains("catalogue"));
        }
    }

    private void Add(int slot, long sequence, string text)
    {
        _index.Add(slot, sequence, text);
        _created[slot] = sequence;
    }

    private void Release(int slot, string text)
    {
        _created[slot] = SlotSequences.None;
        _index.Tidy(text);
    }
}
