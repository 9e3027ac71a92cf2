using System.Diagnostics;
using System.Globalization;
using System.Text;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Benchmarks;

/// <summary>Times the reading of a model's vocabulary, with the bytes of the objects that it makes, and the encoding of a text.</summary>
internal static class TokenizerBenchmark
{
    public static void Run(string model, string textFile, double seconds)
    {
        using var file = GgufFile.Open(model);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        var reading = Median(seconds, () => Tokenizer.FromMetadata(file.Metadata));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"vocabulary of {tokenizer.VocabularySize} tokens: median {1e3 * reading:f1} ms, {bytes / 1e6:f1} MB of objects"));

        var text = File.ReadAllText(textFile);
        var encoding = Median(seconds, () => tokenizer.Encode(text));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"text of {tokenizer.CountTokens(text)} tokens: median {Encoding.UTF8.GetByteCount(text) / encoding / 1e6:f1} MB/s"));
    }

    private static double Median(double seconds, Action work)
    {
        List<double> times = [];
        var total = Stopwatch.StartNew();
        while (total.Elapsed.TotalSeconds < seconds + 1 || times.Count == 0)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            var time = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (total.Elapsed.TotalSeconds > 1)
            {
                times.Add(time); // compiled and warm by then
            }
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
