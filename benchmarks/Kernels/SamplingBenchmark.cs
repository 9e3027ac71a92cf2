using System.Diagnostics;
using System.Globalization;
using Abi.Llm.Sampling;

namespace Abi.Benchmarks;

/// <summary>Times the choice of a token: penalties, top-k 40, top-p, min-p and temperature over a whole vocabulary of normally distributed logits that differ from token to token.</summary>
internal static class SamplingBenchmark
{
    private const int Sets = 16; // of logits, taken in turn: other branches, and more than the innermost caches hold

    public static void Run(int vocabulary, double seconds)
    {
        var random = new Random(1);
        var logits = Enumerable.Range(0, Sets).Select(_ => Enumerable.Range(0, vocabulary).Select(_ => 3 * Normal(random)).ToArray()).ToArray();
        var history = Enumerable.Range(0, 256).Select(_ => random.Next(vocabulary)).ToArray();
        var options = new SamplingOptions { RepetitionPenalty = 1.1f, FrequencyPenalty = 0.1f, PresencePenalty = 0.1f, TopK = 40, TopP = 0.95f, MinP = 0.05f, Temperature = 0.8f, Seed = 1 };
        var chain = SamplerChain.Create(options, vocabulary);
        List<double> times = [];
        var total = Stopwatch.StartNew();
        for (var i = 0; total.Elapsed.TotalSeconds < seconds + 1; i++)
        {
            var start = Stopwatch.GetTimestamp();
            history[i % history.Length] = chain.Sample(logits[i % Sets], history);
            var time = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            if (total.Elapsed.TotalSeconds > 1)
            {
                times.Add(time); // compiled and warm by then
            }
        }

        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"sampling over {vocabulary} logits ({chain.Description}): median {times[times.Count / 2]:f1} µs, p99 {times[times.Count * 99 / 100]:f1} µs, of {times.Count}"));
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
