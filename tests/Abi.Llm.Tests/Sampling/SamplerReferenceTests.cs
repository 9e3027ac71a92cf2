using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Sampling;

/// <summary>Random chains leave what llama.cpp's leave: <c>References/README.md</c> says how its results were made.</summary>
public sealed class SamplerReferenceTests
{
    [Test]
    public void EveryChainLeavesTheSame()
    {
        using var file = GgufFile.Open(Path.Combine(Repository.Root, "models", "stories.gguf"));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var failures = new List<string>();
        var count = 0;
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Sampling", "References", "samplers.jsonl")))
        {
            using var test = JsonDocument.Parse(line);
            count++;
            if (Run(test.RootElement, tokenizer) is { } difference)
            {
                failures.Add($"line {count}, {difference}");
            }
        }

        Assert.That(failures, Is.Empty, $"{failures.Count} of {count} differ:\n{string.Join('\n', failures.Take(10))}");
        Assert.That(count, Is.GreaterThan(0));
    }

    private static string? Run(JsonElement test, Tokenizer tokenizer)
    {
        var (vocabulary, seed, kind, scale) = (Integer(test, "vocabulary"), test.GetProperty("seed").GetUInt32(), Integer(test, "kind"), Number(test, "scale"));
        var options = Options(test, seed);
        var chain = SamplerChain.Create(options, vocabulary, tokenizer);
        var history = test.GetProperty("history").EnumerateArray().Select(id => id.GetInt32()).ToList();
        var candidates = new Candidates();
        var step = 0;
        foreach (var expected in test.GetProperty("steps").EnumerateArray())
        {
            candidates.Reset([.. Enumerable.Range(0, vocabulary).Select(i => Logit(seed + (uint)step, (uint)i, kind, scale))]);
            var difference = Sample(chain, candidates, history, out var token) ? Compare(candidates, token, expected, options, kind) : Integer(expected, "count") == 0 ? null : "nothing to choose from";
            if (difference is not null)
            {
                var given = string.Join(", ", test.EnumerateObject().Where(p => p.Name is not ("steps" or "history")).Select(p => $"{p.Name} {p.Value}"));
                return $"step {step}, {history.Count} before: {difference}\n    {chain.Description}\n    {given}";
            }

            history.Add(Integer(expected, "token"));
            step++;
        }

        return step > 0 ? null : "no step to compare";
    }

    /// <summary>False when nothing is left, of which llama.cpp draws any.</summary>
    private static bool Sample(SamplerChain chain, Candidates candidates, List<int> history, out int token)
    {
        try
        {
            token = chain.Sample(candidates, [.. history]);
            return true;
        }
        catch (AbiException)
        {
            token = -1;
            return false;
        }
    }

    /// <summary>Tokens are those of the reference where no draw is (greedy) or where the draw steers what follows (Mirostat), and no ties are.</summary>
    private static string? Compare(Candidates candidates, int token, JsonElement expected, SamplingOptions options, int kind)
    {
        var isGreedy = options.Mirostat == MirostatMode.Off && options.Temperature <= 0 && options.DynamicTemperatureRange <= 0 && options.Order.Contains(SamplerKind.Temperature);
        if ((isGreedy || options.Mirostat != MirostatMode.Off) && kind != 2 && token != Integer(expected, "token"))
        {
            return $"token {token} instead of {expected.GetProperty("token")}";
        }

        if (isGreedy)
        {
            return null; // the best is all that is left in the end, and some links of the chain do not run for it
        }

        candidates.Softmax();
        var left = Enumerable.Range(0, candidates.Count).Select(i => (Logit: candidates.Logit(i), Probability: candidates.Probabilities[i]))
            .Where(c => c.Logit > float.NegativeInfinity).OrderByDescending(c => c.Logit).ToArray();
        if (left.Length != Integer(expected, "count"))
        {
            return $"{left.Length} candidates instead of {expected.GetProperty("count")}";
        }

        var precision = options.DynamicTemperatureRange > 0 ? 1e-4f : 1e-5f; // the temperature hangs on a long sum
        var logits = expected.GetProperty("logits").EnumerateArray().Select(value => value.GetSingle()).ToArray();
        var probabilities = expected.GetProperty("probabilities").EnumerateArray().Select(value => value.GetSingle()).ToArray();
        for (var rank = 0; rank < logits.Length; rank++)
        {
            var allowed = precision * (1 + Math.Abs(logits[rank]));
            if (!(Math.Abs(left[rank].Logit - logits[rank]) <= allowed) || !(Math.Abs(left[rank].Probability - probabilities[rank]) <= allowed))
            {
                return $"rank {rank} is {left[rank]} instead of ({logits[rank]}, {probabilities[rank]})";
            }
        }

        return null;
    }

    /// <summary>As in <c>reference.cpp</c>: the logit of a token, from a seed.</summary>
    private static float Logit(uint seed, uint i, int kind, float scale)
    {
        var h = unchecked(((seed + (i * 747796405u)) * 1664525u) + 1013904223u);
        h = unchecked((h ^ (h >> 15)) * 277803737u);
        h ^= h >> 16;
        var unit = (float)(h >> 8) / 16777216;
        return kind switch
        {
            0 => (unit - 0.5f) * scale,
            1 => unit * unit * unit * unit * scale,
            2 => (float)(h % 6) * scale * 0.25f,
            _ => h % 3 == 0 && i > 0 ? float.NegativeInfinity : (unit - 0.75f) * scale,
        };
    }

    private static SamplingOptions Options(JsonElement test, uint seed) => new()
    {
        Seed = seed,
        Order = [.. test.GetProperty("order").EnumerateArray().Select(name => Kind(name.GetString()!))],
        Temperature = Number(test, "temperature"), DynamicTemperatureRange = Number(test, "range"), DynamicTemperatureExponent = Number(test, "exponent"),
        TopK = Integer(test, "top_k"), MinimumKept = Integer(test, "keep"), TopP = Number(test, "top_p"), MinP = Number(test, "min_p"), TypicalP = Number(test, "typical"),
        TopNSigma = Number(test, "sigma"), XtcProbability = Number(test, "xtc_p"), XtcThreshold = Number(test, "xtc_t"),
        PenaltyWindow = Integer(test, "last_n"), RepetitionPenalty = Number(test, "repeat"), FrequencyPenalty = Number(test, "frequency"), PresencePenalty = Number(test, "presence"),
        DryMultiplier = Number(test, "dry_multiplier"), DryBase = Number(test, "dry_base"), DryAllowedLength = Integer(test, "dry_allowed"), DryWindow = Integer(test, "dry_last_n"),
        DrySequenceBreakers = [.. test.GetProperty("breakers").EnumerateArray().Select(text => text.GetString()!)],
        Mirostat = (MirostatMode)Integer(test, "mirostat"), MirostatTau = Number(test, "tau"), MirostatEta = Number(test, "eta"),
    };

    private static SamplerKind Kind(string name) => name switch
    {
        "penalties" => SamplerKind.Penalties,
        "dry" => SamplerKind.Dry,
        "top_n_sigma" => SamplerKind.TopNSigma,
        "top_k" => SamplerKind.TopK,
        "typical" => SamplerKind.Typical,
        "top_p" => SamplerKind.TopP,
        "min_p" => SamplerKind.MinP,
        "xtc" => SamplerKind.Xtc,
        "temperature" => SamplerKind.Temperature,
        _ => throw new NotSupportedException(name),
    };

    private static float Number(JsonElement test, string name) => test.GetProperty(name).GetSingle();

    private static int Integer(JsonElement test, string name) => test.GetProperty(name).GetInt32();
}
