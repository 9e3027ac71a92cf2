using System.Runtime.InteropServices;
using Abi.Llm.Sampling;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Llm.Tests.Sampling;

[Parallelizable]
public sealed class CandidatesTests
{
    [Test]
    public void TopKEqualsASortForAnyLengthAndK()
    {
        Check.QuickThrowOnFailure(Prop.ForAll(Gen.Choose(1, 6000).ToArbitrary(), Gen.Choose(1, 400).ToArbitrary(), Gen.Choose(0, 1_000_000).ToArbitrary(), (length, k, seed) =>
        {
            var random = new Random(seed);
            float[] logits = [.. Enumerable.Range(0, length).Select(_ => random.Next(8) == 0 ? random.Next(3) - 1 : (float)((random.NextDouble() * 40) - 20))];
            if (length > 10)
            {
                logits[random.Next(length)] = float.NegativeInfinity;
                logits[random.Next(length)] = float.NaN;
            }

            var candidates = new Candidates();
            candidates.Reset(logits);
            candidates.KeepTop(k);
            var expected = Enumerable.Range(0, length).OrderByDescending(i => float.IsNaN(logits[i]) ? float.NegativeInfinity : logits[i]).ThenBy(i => i).Take(k).ToArray();
            Assert.That(Enumerable.Range(0, candidates.Count).Select(candidates.Id), Is.EqualTo(expected));
        }));
    }

    [Test]
    public void TopKSeesWhatWasChangedSinceTheReset([Values] bool oneByOne)
    {
        var random = new Random(5);
        float[] logits = [.. Enumerable.Range(0, 100_000).Select(_ => (float)((random.NextDouble() * 40) - 20))];
        var candidates = new Candidates();
        for (var round = 0; round < 20; round++)
        {
            candidates.Reset(logits);
            var changed = (float[])logits.Clone();
            foreach (var best in Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(30))
            {
                changed[best] = random.Next(3) == 0 ? float.NaN : -21; // blocks lose their greatest
            }

            for (var i = 0; i < 30; i++)
            {
                changed[random.Next(changed.Length)] = 20 + i; // and others get a new one
            }

            for (var i = 0; i < changed.Length; i++)
            {
                if (oneByOne && !changed[i].Equals(logits[i]))
                {
                    candidates.SetLogit(i, changed[i]);
                }
            }

            if (!oneByOne)
            {
                changed.CopyTo(candidates.Logits);
            }

            Assert.That(candidates.Max(), Is.EqualTo(changed.Where(logit => !float.IsNaN(logit)).Max()));
            candidates.KeepTop(40);
            var expected = Enumerable.Range(0, changed.Length).OrderByDescending(i => float.IsNaN(changed[i]) ? float.NegativeInfinity : changed[i]).ThenBy(i => i).Take(40);
            Assert.That(Enumerable.Range(0, candidates.Count).Select(candidates.Id), Is.EqualTo(expected));
        }
    }

    /// <summary>Every chain chooses the same of logits that are lent as of a copy, and leaves them as they were.</summary>
    [Test]
    public unsafe void LentLogitsGiveWhatACopyGives([Values(100, 1000, 5000, 100_000)] int vocabulary, [Values] bool hasOdd)
    {
        var random = new Random(vocabulary);
        SamplingOptions plain = new() { Seed = 7, Temperature = 0.8f, TopK = 0, TopP = 1, MinP = 0 };
        SamplingOptions[] chains =
        [
            plain with { Temperature = 0 },
            plain with { Temperature = 0, RepetitionPenalty = 1.3f, PresencePenalty = 0.5f },
            plain with { TopK = 40, TopP = 0.95f, MinP = 0.05f, RepetitionPenalty = 1.1f, FrequencyPenalty = 0.1f },
            plain with { TopK = 40, LogitBias = System.Collections.Immutable.ImmutableDictionary<int, float>.Empty.Add(3, 30).Add(50, float.NegativeInfinity) },
            plain with { TopK = vocabulary / 2 },
            plain with { TopP = 0.9f },
            plain with { MinP = 0.1f },
            plain with { TypicalP = 0.5f },
            plain with { TopNSigma = 2 },
            plain with { XtcProbability = 1, XtcThreshold = 0.01f },
            plain with { Mirostat = MirostatMode.Version2 },
            plain,
        ];
        foreach (var options in chains)
        {
            var (lending, copying) = (SamplerChain.Create(options, vocabulary), SamplerChain.Create(options, vocabulary));
            var (lent, copied) = (new Candidates(), new Candidates());
            for (var round = 0; round < 10; round++)
            {
                float[] logits = [.. Enumerable.Range(0, vocabulary).Select(_ => (float)((random.NextDouble() * 20) - 10))];
                if (hasOdd)
                {
                    logits[random.Next(vocabulary)] = float.NaN;
                    logits[random.Next(vocabulary)] = float.NegativeInfinity;
                }

                var best = Array.IndexOf(logits, logits.Max());
                int[] history = [.. Enumerable.Range(0, 80).Select(i => i % 2 == 0 ? random.Next(vocabulary) : best)];
                history = [.. history.Select(id => Math.Max(id, 0))];
                var before = (float[])logits.Clone();
                copied.Reset(logits);
                var expected = copying.Sample(copied, history);
                fixed (float* address = logits)
                {
                    lent.Lend(address, vocabulary);
                    Assert.That(lending.Sample(lent, history), Is.EqualTo(expected), $"{lending.Description}, round {round}");
                    Assert.That(lent.Count, Is.EqualTo(copied.Count));
                    Assert.That(lent.Logits.SequenceEqual(copied.Logits), $"{lending.Description}: what is left");
                    lent.TakeBack();
                }

                Assert.That(MemoryMarshal.AsBytes(logits.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(before.AsSpan())), $"{lending.Description}: what was lent");
            }
        }
    }

    [Test]
    public void TruncatingSamplersAgreeWithThePlainRuleOnLargeVocabularies()
    {
        var random = new Random(3);
        float[] logits = [.. Enumerable.Range(0, 50_000).Select(_ => (float)(random.NextDouble() * 14))];
        double max = logits.Max();
        double[] p = [.. logits.Select(l => Math.Exp(l - max))];
        var sum = p.Sum();
        var order = Enumerable.Range(0, p.Length).OrderByDescending(i => logits[i]).ToArray();

        foreach (var top in new[] { 0.1, 0.5, 0.9, 0.99 })
        {
            double running = 0;
            var expected = 0;
            while (running < top)
            {
                running += p[order[expected++]] / sum;
            }

            var candidates = new Candidates();
            candidates.Reset(logits);
            new TopPSampler((float)top, 0).Apply(candidates, []);
            Assert.That(candidates.Count, Is.EqualTo(expected).Within(Math.Max(1, expected / 500)));
            Assert.That(candidates.Id(0), Is.EqualTo(order[0]));
        }

        var minP = new Candidates();
        minP.Reset(logits);
        new MinPSampler(0.05f, 0).Apply(minP, []);
        Assert.That(minP.Count, Is.EqualTo(p.Count(x => x >= 0.05)).Within(1));

        var entropy = -p.Sum(x => x / sum * Math.Log(x / sum));
        double held = 0;
        var typical = p.Select(x => x / sum).OrderBy(x => Math.Abs(-Math.Log(x) - entropy)).TakeWhile(x => (held += x) <= 0.5 || held - x <= 0.5).Count();
        var candidatesTypical = new Candidates();
        candidatesTypical.Reset(logits);
        new TypicalSampler(0.5f, 0).Apply(candidatesTypical, []);
        Assert.That(candidatesTypical.Count, Is.EqualTo(typical).Within(typical / 100));
    }

    [Test]
    public void TailFreeCutsWhereTheCurvatureEnds()
    {
        // 0.5, 0.3, 0.1, 0.05, 0.05: first differences 0.2, 0.2, 0.05, 0; second 0, 0.15, 0.05; normalised 0, 0.75, 0.25; running 0, 0.75, 1
        float[] p = [0.5f, 0.3f, 0.1f, 0.05f, 0.05f];
        float[] logits = [.. p.Select(x => MathF.Log(x))];
        Assert.Multiple(() =>
        {
            Assert.That(Kept(0.5f), Is.EqualTo(2));
            Assert.That(Kept(0.8f), Is.EqualTo(3));
            Assert.That(Kept(0.0f, minimum: 4), Is.EqualTo(4));
        });

        int Kept(float z, int minimum = 0)
        {
            var candidates = new Candidates();
            candidates.Reset(logits);
            new TailFreeSampler(z, minimum).Apply(candidates, []);
            return candidates.Count;
        }
    }
}
