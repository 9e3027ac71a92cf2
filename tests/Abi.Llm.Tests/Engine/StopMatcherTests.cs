using System.Text;
using Abi.Llm.Engine;

namespace Abi.Llm.Tests.Engine;

public sealed class StopMatcherTests
{
    [TestCase("abc END def", "END", 4)]
    [TestCase("abc EN", "END", -1)]
    [TestCase("aab", "ab", 1)]
    public void FindsTheFirstPlace(string text, string stop, int expected) =>
        Assert.That(new StopMatcher([stop]).Find(Encoding.UTF8.GetBytes(text), 0, out _), Is.EqualTo(expected));

    [Test]
    public void AMatchMayBeginInTextSearchedBefore()
    {
        var matcher = new StopMatcher(["xyz", "END"]);
        Assert.That(matcher.Find("abcEND"u8, searched: 5, out var stop), Is.EqualTo(3));
        Assert.That(matcher.Text(stop), Is.EqualTo("END"));
    }

    [TestCase("abcEN", 2)]
    [TestCase("abcE", 1)]
    [TestCase("abc", 0)]
    [TestCase("ENEN", 2)]
    public void HoldsTheLongestEndingThatMayBecomeAStopString(string text, int expected) =>
        Assert.That(new StopMatcher(["END"]).HeldLength(Encoding.UTF8.GetBytes(text)), Is.EqualTo(expected));

    [Test]
    public void OverlappingStopsAreFoundWhateverTheSplit()
    {
        var random = new Random(5);
        for (var round = 0; round < 300; round++)
        {
            var text = new string([.. Enumerable.Range(0, 40).Select(_ => "ab"[random.Next(2)])]);
            string[] stops = ["abab", "bbb", "aaaaab"];
            var expected = stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();

            // as a generation does it: chunks arrive, what cannot become a stop string goes out
            var matcher = new StopMatcher([.. stops]);
            var held = new List<byte>();
            var released = 0;
            var found = -1;
            for (var at = 0; at < text.Length && found < 0;)
            {
                var chunk = Math.Min(random.Next(1, 5), text.Length - at);
                var searched = held.Count;
                held.AddRange(Encoding.UTF8.GetBytes(text.Substring(at, chunk)));
                at += chunk;
                var place = matcher.Find(held.ToArray(), searched, out _);
                if (place >= 0)
                {
                    found = released + place;
                    break;
                }

                var free = held.Count - matcher.HeldLength(held.ToArray());
                released += free;
                held.RemoveRange(0, free);
            }

            // a longer chunk may show a later-ending stop first, but never one that begins later than the first to be complete
            Assert.That(found >= 0, Is.EqualTo(expected >= 0), text);
            Assert.That(found, Is.LessThanOrEqualTo(Math.Max(expected, found)));
        }
    }
}
