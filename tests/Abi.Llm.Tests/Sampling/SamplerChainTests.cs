using System.Collections.Immutable;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Sampling;

public sealed class SamplerChainTests
{
    private static readonly float[] Logits = [.. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i * 12.9898f) * 7)];

    /// <summary>It comes from files, whose checksum says nothing about who made them.</summary>
    [Test]
    public void StateThatNoChainSavedIsRefusedByName([Values(MirostatMode.Version1, MirostatMode.Version2)] MirostatMode mirostat)
    {
        var chain = SamplerChain.Create(new SamplingOptions { Seed = 1, Mirostat = mirostat }, 100);
        var state = chain.SaveState();
        chain.RestoreState(state);

        var nameless = state.ToArray();
        nameless.AsSpan(0, 4).Fill(0xff); // with what follows a length below zero
        nameless[4] = 0x0f;
        var bound = state.ToArray();
        BitConverter.TryWriteBytes(bound.AsSpan(1 + state[0] + sizeof(long)), float.NaN);
        foreach (var damaged in new[] { nameless, bound, state[..^1], [] })
        {
            Assert.That(() => chain.RestoreState(damaged), Throws.TypeOf<AbiException>().With.Message.Contains("damaged"));
        }
    }

    [Test]
    public void SameSeedSameTokensAndUnsetSeedVaries()
    {
        var options = new SamplingOptions { Seed = 42 };
        Assert.That(Draw(options), Is.EqualTo(Draw(options)));
        var a = SamplerChain.Create(new SamplingOptions(), Logits.Length);
        var b = SamplerChain.Create(new SamplingOptions(), Logits.Length);
        Assert.That(a.Seed, Is.Not.EqualTo(b.Seed));
        Assert.That(Draw(new SamplingOptions { Seed = a.Seed }), Is.EqualTo(Enumerable.Range(0, 50).Select(_ => a.Sample(Logits, [])).ToArray()));
    }

    [Test]
    public void CloneGoesOnTheSame()
    {
        foreach (var options in new SamplingOptions[]
        {
            new() { Seed = 1, XtcProbability = 0.5f }, new() { Seed = 1, Mirostat = MirostatMode.Version1 }, new() { Seed = 1, Mirostat = MirostatMode.Version2 },
            new() { Seed = 1, AdaptiveTarget = 0.3f },
        })
        {
            var chain = SamplerChain.Create(options, Logits.Length);
            chain.Sample(Logits, []);
            var clone = chain.Clone();
            Assert.That(Enumerable.Range(0, 50).Select(_ => clone.Sample(Logits, [])).ToArray(), Is.EqualTo(Enumerable.Range(0, 50).Select(_ => chain.Sample(Logits, [])).ToArray()));
        }
    }

    [Test]
    public void TemperatureZeroIsGreedy()
    {
        var best = Array.IndexOf(Logits, Logits.Max());
        Assert.That(SamplerChain.Create(SamplingOptions.Greedy, Logits.Length).Sample(Logits, []), Is.EqualTo(best));
        Assert.That(SamplerChain.Create(SamplingOptions.Greedy with { XtcProbability = 1e-6f, TopP = 0.5f }, Logits.Length).Sample(Logits, []), Is.EqualTo(best));
    }

    [TestCase(1.5f)]
    [TestCase(1e30f)]
    public void AMinPThatNoTokenReachesKeepsTheBest(float minP)
    {
        var chain = SamplerChain.Create(new SamplingOptions { Order = [SamplerKind.MinP], MinP = minP, Seed = 1 }, Logits.Length);
        Assert.That(Enumerable.Range(0, 20).Select(_ => chain.Sample(Logits, [])), Is.All.EqualTo(Array.IndexOf(Logits, Logits.Max())));
    }

    [Test]
    public void WhatTopNSigmaMasksCountsForADynamicTemperature()
    {
        float[] logits = [2, 1.5f, -5, -5]; // deviation 3.4: the first two are left
        var options = new SamplingOptions { Order = [SamplerKind.TopNSigma, SamplerKind.Temperature], TopNSigma = 1, Temperature = 1, DynamicTemperatureRange = 0.5f, Seed = 1 };
        var candidates = new Candidates();
        candidates.Reset(logits);
        SamplerChain.Create(options, logits.Length).Apply(candidates, []);

        var best = 1 / (1 + Math.Exp(-0.5));
        var entropy = -(best * Math.Log(best)) - ((1 - best) * Math.Log(1 - best));
        var temperature = 0.5 + (entropy / Math.Log(logits.Length));
        Assert.That(candidates.Logit(candidates.Find(0)), Is.EqualTo(2 / temperature).Within(1e-5));
        Assert.That(candidates.Logit(candidates.Find(1)), Is.EqualTo(1.5 / temperature).Within(1e-5));
        Assert.That(Enumerable.Range(0, candidates.Count).Where(i => candidates.Logit(i) > float.NegativeInfinity).Select(candidates.Id), Is.EquivalentTo(new[] { 0, 1 }));
    }

    [Test]
    public void DescriptionFollowsTheOrderAskedFor()
    {
        var chain = SamplerChain.Create(new SamplingOptions { Order = [SamplerKind.Temperature, SamplerKind.TopK], Seed = 1 }, 10);
        Assert.That(chain.Description, Is.EqualTo("temperature → top-k → distribution"));
        Assert.That(SamplerChain.Create(new SamplingOptions { Seed = 1 }, 10).Description, Is.EqualTo("top-k → top-p → min-p → temperature → distribution"));
    }

    [Test]
    public void ProcessorsAndBiasForbidTokens()
    {
        var best = Array.IndexOf(Logits, Logits.Max());
        var chain = SamplerChain.Create(SamplingOptions.Greedy with { LogitBias = ImmutableDictionary<int, float>.Empty.Add(best, float.NegativeInfinity) }, Logits.Length);
        Assert.That(chain.Sample(Logits, []), Is.Not.EqualTo(best));
        chain = SamplerChain.Create(SamplingOptions.Greedy with { Processors = [new Only(17)] }, Logits.Length);
        Assert.That(chain.Sample(Logits, []), Is.EqualTo(17));
        chain = SamplerChain.Create(new SamplingOptions { Processors = [new Only(-1)] }, Logits.Length);
        Assert.That(() => chain.Sample(Logits, []), Throws.TypeOf<AbiException>().With.Message.Contains("No token can be chosen"));
    }

    [Test]
    public void DistributionFollowsTheProbabilities()
    {
        float[] logits = [MathF.Log(0.5f), MathF.Log(0.3f), MathF.Log(0.2f)];
        var chain = SamplerChain.Create(new SamplingOptions { Order = [], Seed = 11 }, 3);
        var counts = new int[3];
        for (var i = 0; i < 30_000; i++)
        {
            counts[chain.Sample(logits, [])]++;
        }

        Assert.That(counts[0], Is.EqualTo(15_000).Within(350));
        Assert.That(counts[1], Is.EqualTo(9_000).Within(330));
    }

    [Test]
    public void AdaptivePPrefersTokensNearItsTargetAndCorrectsItself()
    {
        float[] p = [0.5f, 0.3f, 0.15f, 0.05f];
        float[] logits = [.. p.Select(x => MathF.Log(x))];
        var candidates = new Candidates();
        candidates.Reset(logits);
        var selector = new AdaptivePSelector(0.3f, 0.9f, new MersenneTwister(5));
        selector.Select(candidates); // the running mean starts at the target, so the first target is the target itself
        for (var i = 0; i < p.Length; i++)
        {
            var distance = Math.Abs(p[i] - 0.3) / 0.3;
            Assert.That(candidates.Logits[i], Is.EqualTo(5 - (10 * distance * distance / (1 + distance))).Within(1e-4));
        }

        double Mean(float target)
        {
            var chain = SamplerChain.Create(new SamplingOptions { Order = [], Seed = 5, AdaptiveTarget = target }, p.Length);
            return Enumerable.Range(0, 3000).Average(_ => p[chain.Sample(logits, [])]);
        }

        Assert.That(Mean(0.45f), Is.EqualTo(0.45).Within(0.04));
        Assert.That(Mean(0.25f), Is.EqualTo(0.25).Within(0.04));
    }

    [Test]
    public void SamplingAllocatesNothing()
    {
        foreach (var options in new SamplingOptions[]
        {
            new() { Seed = 1, RepetitionPenalty = 1.1f, DryMultiplier = 0.8f, TypicalP = 0.9f, TailFreeZ = 0.95f, XtcProbability = 0.5f, TopNSigma = 2 },
            new() { Seed = 1, TopK = 0, TopP = 0.9f, MinP = 0 }, new() { Seed = 1, Order = [] }, new() { Seed = 1, Mirostat = MirostatMode.Version1 },
            new() { Seed = 1, Mirostat = MirostatMode.Version2 }, new() { Seed = 1, AdaptiveTarget = 0.4f, DynamicTemperatureRange = 0.3f },
        })
        {
            var chain = SamplerChain.Create(options, Logits.Length);
            int[] history = [.. Enumerable.Range(0, 200).Select(i => i % 37)];
            for (var i = 0; i < 20; i++)
            {
                chain.Sample(Logits, history);
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 50; i++)
            {
                chain.Sample(Logits, history);
            }

            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero, chain.Description);
        }
    }

    [Test]
    public void OptionsOutOfRangeAreNamed()
    {
        Assert.That(() => SamplerChain.Create(new SamplingOptions { RepetitionPenalty = 0 }, 10), Throws.ArgumentException.With.Message.Contains("RepetitionPenalty"));
        Assert.That(() => SamplerChain.Create(new SamplingOptions { Temperature = float.NaN }, 10), Throws.ArgumentException.With.Message.Contains("Temperature"));
        Assert.That(() => new SamplingOptions { DrySequenceBreakers = [.. Enumerable.Repeat("a", 257)] }.Validate(), Throws.ArgumentException.With.Message.EqualTo("DrySequenceBreakers is 257 texts; it must be a list of at most 256 texts."));
        Assert.That(() => new SamplingOptions { DrySequenceBreakers = ["a", null!] }.Validate(), Throws.ArgumentException.With.Message.Contains("null"));
        Assert.That(() => new GenerationOptions { StopStrings = [.. Enumerable.Repeat("a", 1025)] }.Validate(), Throws.ArgumentException.With.Message.StartsWith("StopStrings are 1025 texts of 1025 characters; at most 1024 of 65536 together"));
        Assert.That(() => new GenerationOptions { StopStrings = [new string('a', 65536), "b"] }.Validate(), Throws.ArgumentException.With.Message.Contains("65537 characters"));
        Assert.That(() => new GenerationOptions { StopStrings = [.. Enumerable.Repeat("ab", 1024)] }.Validate(), Throws.Nothing);
    }

    [Test, Explicit("A measurement: the median time of the default chain with penalties over 150,000 logits.")]
    public void TimeOfTheDefaultChain()
    {
        float[] logits = [.. Enumerable.Range(0, 150_000).Select(i => MathF.Sin(i * 12.9898f) * 4)];
        var chain = SamplerChain.Create(new SamplingOptions { Seed = 1, RepetitionPenalty = 1.1f }, logits.Length);
        int[] history = [.. Enumerable.Range(0, 64)];
        var times = new double[3000];
        for (var i = 0; i < times.Length; i++)
        {
            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            chain.Sample(logits, history);
            times[i] = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        Array.Sort(times, 1000, 2000);
        TestContext.Out.WriteLine($"median {times[2000]:F1} us");
    }

    private static int[] Draw(SamplingOptions options)
    {
        var chain = SamplerChain.Create(options, Logits.Length);
        return [.. Enumerable.Range(0, 50).Select(_ => chain.Sample(Logits, []))];
    }

    private sealed class Only(int id) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits)
        {
            for (var i = 0; i < logits.Length; i++)
            {
                logits[i] = i == id ? logits[i] : float.NegativeInfinity;
            }
        }
    }

    private static SamplingOptions Forbidding(int count, SamplingOptions options) => options with { LogitBias = Enumerable.Range(count, 20 - count).ToImmutableDictionary(id => id, _ => float.NegativeInfinity) };

    [TestCase(0f)]
    [TestCase(-1f)]
    public void ExcludingTopChoicesNeverLeavesOnlyWhatIsForbidden(float threshold)
    {
        float[] logits = [.. Enumerable.Range(0, 20).Select(i => (float)i)];
        var chain = SamplerChain.Create(Forbidding(3, new SamplingOptions { XtcProbability = 1, XtcThreshold = threshold, MinP = 0, TopP = 1, Seed = 1 }), logits.Length);
        Assert.That(Enumerable.Range(0, 20).Select(_ => chain.Sample(logits, [])), Is.All.Zero, "the least likely of those that may come");
    }

    [Test]
    public void MirostatLooksAtWhatMayComeOnly()
    {
        float[] logits = [.. Enumerable.Range(0, 20).Select(i => -0.1f * i)];
        var chain = SamplerChain.Create(Forbidding(8, new SamplingOptions { Mirostat = MirostatMode.Version1, Seed = 1 }), logits.Length);
        Assert.That(Enumerable.Range(0, 200).Select(_ => chain.Sample(logits, [])).Distinct().Count(), Is.GreaterThan(3));
    }

    [Test]
    public void NoRateOfMirostatEndsInNoNumber([Values(MirostatMode.Version1, MirostatMode.Version2)] MirostatMode mirostat, [Values(1e38f, -1e38f, 3e38f)] float eta)
    {
        var chain = SamplerChain.Create(new SamplingOptions { Mirostat = mirostat, MirostatEta = eta, Seed = 1 }, Logits.Length);
        Assert.That(Enumerable.Range(0, 200).Select(_ => chain.Sample(Logits, [])), Is.All.InRange(0, Logits.Length - 1));
        Assert.That(() => chain.RestoreState(chain.SaveState()), Throws.Nothing);
    }

    /// <summary>Whatever the options and the logits, a token that may come is chosen, or it is said by name that none can.</summary>
    [Test]
    public void ExtremeOptionsChooseWhatMayComeOrSaySo()
    {
        float[] extremes = [0, 1, -1, 0.5f, float.Epsilon, 1e-30f, 1e30f, float.MaxValue, float.MinValue];
        var random = new Random(3);
        int[] history = [.. Enumerable.Range(0, 60).Select(i => i % 7)];
        for (var round = 0; round < 6000; round++)
        {
            float Any(float usual) => random.Next(3) == 0 ? extremes[random.Next(extremes.Length)] : usual;
            int Whole(int usual) => random.Next(3) == 0 ? new[] { 0, 1, -1, 2, int.MaxValue, int.MinValue }[random.Next(6)] : usual;
            var options = new SamplingOptions
            {
                Temperature = Any(0.8f), DynamicTemperatureRange = Any(0), DynamicTemperatureExponent = Any(1), TopK = Whole(40), TopP = Any(0.95f), MinP = Any(0.05f), TypicalP = Any(1), TailFreeZ = Any(1),
                TopNSigma = Any(-1), XtcProbability = Any(0), XtcThreshold = Any(0.1f), MinimumKept = Whole(0), PenaltyWindow = Whole(64), FrequencyPenalty = Any(0), PresencePenalty = Any(0),
                DryMultiplier = Any(0), DryBase = Any(1.75f), DryAllowedLength = Whole(2), DryWindow = Whole(64), Mirostat = (MirostatMode)(random.Next(6) % 3), MirostatTau = Any(5), MirostatEta = Any(0.1f),
                AdaptiveTarget = Any(-1), AdaptiveDecay = Any(0.9f), Seed = round,
                Order = [.. SamplingOptions.DefaultOrder.OrderBy(kind => round % 2 == 0 ? (int)kind : random.Next())],
            };
            var size = round % 5 == 0 ? 2000 : 20;
            float[] logits = [.. Enumerable.Range(0, size).Select(i => random.Next(4) switch { 0 => float.NaN, 1 => float.NegativeInfinity, _ => MathF.Sin(i) * (round % 3 == 0 ? 1e30f : 10) })];
            var chain = SamplerChain.Create(options, size);
            for (var token = 0; token < 3; token++)
            {
                try
                {
                    Assert.That(logits[chain.Sample(logits, history)], Is.GreaterThan(float.NegativeInfinity), $"{options}");
                }
                catch (Exception exception) when (exception is not AssertionException)
                {
                    Assert.That(exception, Is.TypeOf<AbiException>().With.Message.Contains("No token can be chosen"), $"{options}");
                }
            }
        }
    }

    [Test]
    public void WhatCannotBeChosenFromIsToldByItsOwnName()
    {
        var strong = SamplerChain.Create(new SamplingOptions { RepetitionPenalty = 1e-38f, Seed = 1 }, 4);
        Assert.That(() => strong.Sample([100, 2, 3, 4], [0]), Throws.TypeOf<AbiException>().With.Message.Contains("plus infinity").And.Message.Contains("penalties"));
        var none = SamplerChain.Create(Forbidding(0, new SamplingOptions { Seed = 1 }), 20);
        Assert.That(() => none.Sample(new float[20], []), Throws.TypeOf<AbiException>().With.Message.Contains("minus infinity"));
        Assert.That(() => none.Sample(Enumerable.Repeat(float.NaN, 20).ToArray(), []), Throws.TypeOf<AbiException>().With.Message.Contains("not a number"));
    }

    [TestCase(float.Epsilon, 0)]
    [TestCase(1e-38f, 0)]
    [TestCase(float.Epsilon, float.Epsilon)]
    public void ATemperatureThatLogitsCannotBeDividedByKeepsTheBest(float temperature, float range)
    {
        var options = new SamplingOptions { Temperature = temperature, DynamicTemperatureRange = range, TopK = 0, TopP = 1, MinP = 0, Seed = 1 };
        foreach (var shift in (float[])[0, -50])
        {
            float[] logits = [1 + shift, 20 + shift, 3 + shift, 19 + shift];
            Assert.That(SamplerChain.Create(options, logits.Length).Sample(logits, []), Is.EqualTo(1));
        }
    }
}
