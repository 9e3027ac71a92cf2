using System.Collections.Immutable;
using System.Text.Json;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Sampling;

/// <summary>Every case of the reference's sampler results.</summary>
[Parallelizable]
public sealed class SamplerFixtureTests
{
    private static readonly JsonDocument? Document = Fixtures.TryPath("sampling", "samplers.json") is { } path && File.Exists(path) ? JsonDocument.Parse(File.ReadAllBytes(path)) : null;

    [Test]
    public void EveryCaseLeavesTheSameCandidates()
    {
        var root = Load();
        var failures = new List<string>();
        var count = 0;
        foreach (var test in root.GetProperty("cases").EnumerateArray())
        {
            count++;
            var logits = Logits(root, test.GetProperty("logits").GetString()!);
            int[] history = test.TryGetProperty("history", out var h) ? [.. h.EnumerateArray().Select(id => id.GetInt32())] : [];
            var candidates = new Candidates();
            candidates.Reset(logits);
            foreach (var step in test.GetProperty("steps").EnumerateArray())
            {
                if (step.GetProperty("sampler").GetString() == "temperature")
                {
                    new TemperatureSampler(step.GetProperty("t").GetSingle(), 0, 1).Apply(candidates, history); // a chain leaves the link out when it is greedy
                    continue;
                }

                Chain(step, logits.Length).Apply(candidates, history);
            }

            if (Compare(candidates, test.GetProperty("result")) is { } difference)
            {
                failures.Add($"{test.GetProperty("steps").GetRawText()} on {test.GetProperty("logits")}: {difference}");
            }
        }

        Assert.That(failures, Is.Empty, string.Join('\n', failures.Take(10)));
        Assert.That(count, Is.GreaterThan(0));
    }

    [Test]
    public void MirostatKeepsTheReferencesFirstCandidatesAndLongRunSurprise()
    {
        var root = Load();
        foreach (var test in root.GetProperty("mirostat").EnumerateArray())
        {
            var logits = Logits(root, test.GetProperty("logits").GetString()!);
            var options = new SamplingOptions
            {
                Temperature = 1, Seed = 7,
                Mirostat = test.GetProperty("version").GetInt32() == 1 ? MirostatMode.Version1 : MirostatMode.Version2,
                MirostatTau = test.GetProperty("tau").GetSingle(), MirostatEta = test.GetProperty("eta").GetSingle(),
            };
            var chain = SamplerChain.Create(options, logits.Length);
            var candidates = new Candidates();
            candidates.Reset(logits);
            chain.Sample(candidates, []);
            int[] first = [.. Enumerable.Range(0, candidates.Count).Select(candidates.Id).Order()];
            int[] expected = [.. test.GetProperty("first_step_candidates").EnumerateArray().Select(id => id.GetInt32())];
            Assert.That(first, Is.EqualTo(expected), test.GetRawText());

            var logSum = LogitKernels.LogSumExp(logits);
            double surprise = 0;
            const int draws = 1200;
            chain = SamplerChain.Create(options, logits.Length);
            for (var i = 0; i < draws; i++)
            {
                surprise += (logSum - logits[chain.Sample(logits, [])]) / Math.Log(2);
            }

            var reference = test.GetProperty("long_run_mean_surprise_bits_under_full_distribution").GetDouble();
            Assert.That(surprise / draws, Is.EqualTo(reference).Within(0.15 + (0.1 * reference)), test.GetRawText());
        }
    }

    internal static JsonElement Load() => Document?.RootElement ?? JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("sampling", "samplers.json"))).RootElement;

    internal static float[] Logits(JsonElement root, string name) =>
        [.. root.GetProperty("logits").GetProperty(name).EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Null ? float.NegativeInfinity : v.GetSingle())];

    private static SamplerChain Chain(JsonElement step, int vocabulary)
    {
        float F(string name) => step.GetProperty(name).GetSingle();
        int I(string name) => step.GetProperty(name).GetInt32();
        var none = new SamplingOptions { Order = [], Seed = 1 };
        var options = step.GetProperty("sampler").GetString() switch
        {
            "top_k" => none with { Order = [SamplerKind.TopK], TopK = I("k") },
            "top_p" => none with { Order = [SamplerKind.TopP], TopP = F("p"), MinimumKept = I("min_keep") },
            "min_p" => none with { Order = [SamplerKind.MinP], MinP = F("p"), MinimumKept = I("min_keep") },
            "typical" => none with { Order = [SamplerKind.Typical], TypicalP = F("p"), MinimumKept = I("min_keep") },
            "dynamic_temperature" => none with
            {
                Order = [SamplerKind.Temperature], Temperature = F("t"), DynamicTemperatureRange = F("delta"), DynamicTemperatureExponent = F("exponent"),
            },
            "xtc" => none with { Order = [SamplerKind.Xtc], XtcProbability = F("probability"), XtcThreshold = F("threshold"), MinimumKept = I("min_keep") },
            "top_n_sigma" => none with { Order = [SamplerKind.TopNSigma], TopNSigma = F("n") },
            "penalties" => none with
            {
                Order = [SamplerKind.Penalties], PenaltyWindow = I("last_n"), RepetitionPenalty = F("repeat"), FrequencyPenalty = F("frequency"), PresencePenalty = F("presence"),
            },
            "logit_bias" => none with
            {
                LogitBias = step.GetProperty("bias").EnumerateArray().ToImmutableDictionary(
                    pair => pair[0].GetInt32(), pair => pair[1].ValueKind == JsonValueKind.Null ? float.NegativeInfinity : pair[1].GetSingle()),
            },
            var name => throw new NotSupportedException(name),
        };
        return SamplerChain.Create(options, vocabulary);
    }

    private static string? Compare(Candidates candidates, JsonElement result)
    {
        candidates.KeepTop(candidates.Count);
        candidates.Softmax();
        var mine = Enumerable.Range(0, candidates.Count)
            .Select(i => (Id: candidates.Id(i), Logit: candidates.Logits[i], Probability: candidates.Probabilities[i]))
            .Where(c => !float.IsNegativeInfinity(c.Logit)).ToArray();
        int[] ids = [.. result.GetProperty("ids").EnumerateArray().Select(v => v.GetInt32())];
        float[] logits = [.. result.GetProperty("logits").EnumerateArray().Select(v => v.GetSingle())];
        float[] probabilities = [.. result.GetProperty("probabilities").EnumerateArray().Select(v => v.GetSingle())];
        if (ids.Length != mine.Length)
        {
            return $"{mine.Length} candidates instead of {ids.Length}";
        }

        for (var i = 0; i < ids.Length; i++)
        {
            if (Math.Abs(mine[i].Logit - logits[i]) > 1e-5f * (1 + Math.Abs(logits[i])))
            {
                return $"logit of rank {i} is {mine[i].Logit} instead of {logits[i]}";
            }

            if (Math.Abs(mine[i].Probability - probabilities[i]) > 2e-6f)
            {
                return $"probability of rank {i} is {mine[i].Probability} instead of {probabilities[i]}";
            }
        }

        // the same token must be there, unless it ties with another
        foreach (var (id, logit) in ids.Zip(logits))
        {
            if (!mine.Any(c => c.Id == id) && !mine.Any(c => Math.Abs(c.Logit - logit) < 1e-6f))
            {
                return $"token {id} is missing";
            }
        }

        return ids.Where((id, i) => mine.All(c => c.Id != id) && logits.Count(l => l == logits[i]) + mine.Count(c => c.Logit == logits[i]) < 2).Any() ? "another token" : null;
    }
}
