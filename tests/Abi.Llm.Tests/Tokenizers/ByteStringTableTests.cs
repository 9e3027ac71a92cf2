using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

public sealed class ByteStringTableTests
{
    /// <summary>Short alphabets make many equal strings, and many that differ in one byte.</summary>
    [Test]
    public void NumbersAreThoseOfADictionary([Values(1, 2, 256)] int alphabet, [Values(0, 5_000)] int room)
    {
        var random = new Random(alphabet + room);
        var strings = new ByteStrings();
        var table = new ByteStringTable(strings, room);
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < 20_000; i++)
        {
            var text = new byte[random.Next(41)];
            for (var at = 0; at < text.Length; at++)
            {
                text[at] = (byte)random.Next(alphabet);
            }

            var key = Convert.ToHexString(text);
            Assert.That(table.Find(text), Is.EqualTo(known.GetValueOrDefault(key, -1)));
            if (random.Next(2) == 0)
            {
                known.TryAdd(key, known.Count);
                Assert.That(table.Add(text), Is.EqualTo(known[key]));
            }
        }

        Assert.That(strings.Count, Is.EqualTo(known.Count));
        foreach (var (key, number) in known)
        {
            Assert.That(Convert.ToHexString(strings[number]), Is.EqualTo(key));
        }
    }

    [Test]
    public void OnlyWhatWasPutIsFound()
    {
        var strings = new ByteStrings();
        var table = new ByteStringTable(strings);
        strings.Add("one"u8);
        strings.Add("two"u8);
        table.Put(1);
        Assert.That((table.Find("one"u8), table.Find("two"u8), table.Add("one"u8)), Is.EqualTo((-1, 1, 2)));
    }

    [Test]
    public void ATextWithoutTheSpellingIsNotAdded()
    {
        var strings = new ByteStrings(count: 0, bytes: 0);
        Assert.That(strings.Add("abc"u8, static (_, _) => -1), Is.EqualTo(-1));
        Assert.That(strings.Add("abc"u8, static (text, target) => text[1..].TryCopyTo(target) ? 2 : -1), Is.Zero);
        Assert.That((strings.Count, strings.Bytes, strings[0].SequenceEqual("bc"u8)), Is.EqualTo((1, 2, true)));
    }
}
