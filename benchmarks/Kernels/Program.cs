using System.Globalization;
using Abi.Benchmarks;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

// Abi.Benchmarks model=FILE [threads=2] [depth=0] [sequences=1] [steps=64] [cache=F16]: the steps of a model
// Abi.Benchmarks sampling=150000 [seconds=1]   the choice of a token
// Abi.Benchmarks tokenizer=MODEL.gguf text=FILE [seconds=1]   the reading of a vocabulary, and the encoding of a text
// Abi.Benchmarks prompt=MODEL.gguf [rows=512] [depth=0] [threads=2] [seconds=1] [activations=Int8]   the stages of a step
// Abi.Benchmarks packing=1 [seconds=1] [activations=Int8] [types=Q4_0,Q8_0,…]   the first use of a matrix, one row on one thread
// Abi.Benchmarks [threads=2] [rows=512] [outputs=0: what no cache holds] [repack=Lazy] [seconds=1] [activations=Int8] [types=Q4_0,Q8_0,…]
var options = args.Select(arg => arg.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[^1], StringComparer.OrdinalIgnoreCase);
string Option(string name, string standard) => options.GetValueOrDefault(name, standard);
var threads = int.Parse(Option("threads", "2"), CultureInfo.InvariantCulture);
var rows = Option("rows", "512").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
var seconds = double.Parse(Option("seconds", "1"), CultureInfo.InvariantCulture);
var repack = Enum.Parse<RepackMode>(Option("repack", "Lazy"), ignoreCase: true);
var activations = Enum.Parse<ActivationPrecision>(Option("activations", "Int8"), ignoreCase: true);
var types = Option("types", "Q4_0,Q8_0,Q4_K,Q6_K,F16").Split(',').Select(name => Enum.Parse<TensorType>(name, ignoreCase: true));
if (options.TryGetValue("sampling", out var vocabulary))
{
    SamplingBenchmark.Run(int.Parse(vocabulary, CultureInfo.InvariantCulture), seconds);
    return;
}

if (options.TryGetValue("tokenizer", out var tokenizer))
{
    TokenizerBenchmark.Run(tokenizer, options["text"], seconds);
    return;
}

if (options.ContainsKey("packing"))
{
    foreach (var type in types)
    {
        using var benchmark = new ProductBenchmark(type, activations, repack, 1);
        var median = benchmark.MeasureFirst(seconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{type,-8} {median * 1e3,6:f2} ms  {benchmark.WeightBytes / median / 1e9,6:f1} GB/s"));
    }

    return;
}

if (options.TryGetValue("prompt", out var prompt))
{
    foreach (var depth in Option("depth", "0").Split(','))
    {
        foreach (var count in rows)
        {
            using var benchmark = new PromptBenchmark(prompt, threads, count, int.Parse(depth, CultureInfo.InvariantCulture), activations);
            benchmark.Run(seconds);
        }
    }

    return;
}

if (options.TryGetValue("model", out var model))
{
    int[] Numbers(string name, string standard) => [.. Option(name, standard).Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
    var steps = Numbers("steps", "64")[0];
    foreach (var depth in Numbers("depth", "0"))
    {
        foreach (var sequences in Numbers("sequences", "1"))
        {
            foreach (var cache in Option("cache", "F16").Split(','))
            {
                using var step = new StepBenchmark(model, threads, sequences, depth + 32 + steps, Enum.Parse<TensorType>(cache, ignoreCase: true));
                var bandwidth = ProductBenchmark.ReadBandwidth(threads, seconds);
                Console.WriteLine($"read bandwidth: {bandwidth:f1} GB/s (median), keys and values in {cache}");
                step.Measure(depth, steps, bandwidth);
            }
        }
    }

    return;
}

var outputs = int.Parse(Option("outputs", "0"), CultureInfo.InvariantCulture);
Console.WriteLine($"read bandwidth: {ProductBenchmark.ReadBandwidth(threads, seconds):f1} GB/s (median)");
foreach (var type in types)
{
    using var benchmark = new ProductBenchmark(type, activations, repack, threads, outputs);
    foreach (var count in rows)
    {
        var (median, best) = benchmark.Measure(count, seconds);
        var operations = 2.0 * count * ProductBenchmark.Columns * benchmark.Outputs;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{type,-8} {count,4} rows  {operations / median / 1e9,8:f0} GOPS (best {operations / best / 1e9,5:f0})  {benchmark.WeightBytes / median / 1e9,6:f1} GB/s (best {benchmark.WeightBytes / best / 1e9,5:f1})"));
    }
}
