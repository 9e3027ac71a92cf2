using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Sampling;

public sealed class MersenneTwisterTests
{
    [Test]
    public void GivesTheStandardsTenThousandthNumber()
    {
        var random = new MersenneTwister(5489); // C++ standard, [rand.predef]: the 10000th of mt19937's default seed
        uint value = 0;
        for (var i = 0; i < 10_000; i++)
        {
            value = random.Next();
        }

        Assert.That(value, Is.EqualTo(4123659995u));
    }

    [Test]
    public void WideSeedsDifferFromNarrowOnesAndRepeat()
    {
        var a = new MersenneTwister(0x1_0000_0005);
        Assert.That(a.Next(), Is.Not.EqualTo(new MersenneTwister(5).Next()));
        Assert.That(new MersenneTwister(-1).Next(), Is.EqualTo(new MersenneTwister(-1).Next()));
    }

    [Test]
    public void CloneGoesOnTheSame()
    {
        var a = new MersenneTwister(9);
        a.Next();
        var b = a.Clone();
        Assert.That(Enumerable.Range(0, 700).Select(_ => a.Next()), Is.EqualTo(Enumerable.Range(0, 700).Select(_ => b.Next()).ToArray()));
    }
}
