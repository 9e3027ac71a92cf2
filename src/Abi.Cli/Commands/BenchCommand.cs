using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Compute.Formats;
using Abi.Llm;

namespace Abi.Cli.Commands;

/// <summary>Measures how fast a model reads and generates.</summary>
internal sealed class BenchCommand : Command
{
    private static readonly Option<ImmutableArray<int>> Prompts = Options.Integers("-p --n-prompt", "N[,N]", "prompt tokens to read; 0 for none", [512], minimum: 0);
    private static readonly Option<ImmutableArray<int>> Generates = Options.Integers("-n --n-gen", "N[,N]", "tokens to generate; 0 for none", [128], minimum: 0);
    private static readonly Option<ImmutableArray<int>> Both = new(["-pg"], "PP,TG", "read PP tokens and generate TG behind them, as one test", [], ReadPair) { IsRepeatable = true };
    private static readonly Option<ImmutableArray<int>> Depths = Options.Integers("-d --n-depth", "N[,N]", "tokens that the context holds before", [0], minimum: 0);
    private static readonly Option<ImmutableArray<int>> Threads = Options.Integers("-t --threads", "N[,N]", "threads that compute", [Environment.ProcessorCount], minimum: 1, defaultText: "one a core", maximum: ModelOptions.MostThreads);
    private static readonly Option<ImmutableArray<int>> Parallels = Options.Integers("-npl --n-parallel", "N[,N]", "sequences at once", [1], minimum: 1);
    private static readonly Option<int> Repetitions = Options.Integer("-r --repetitions", "how often each test is run", 3, minimum: 1);
    private static readonly Option<bool> NoWarmup = Options.Switch("--no-warmup", "do not run a test before it is timed");
    private static readonly Option<string> CacheType = Options.Choice("-ctk --cache-type-k --cache-type", "TYPE", "the format of keys, and of values unless -ctv says another", "f16", ModelOptions.CacheTypes);
    private static readonly Option<string?> Format = new(["-o", "--output"], "FORMAT", "the same as --json, or the table", null, text => text) { Choices = ["md", "json"], DefaultText = "md" };

    /// <inheritdoc/>
    public override string Name => "bench";

    /// <inheritdoc/>
    public override string Summary => "Measure how fast a model reads prompts and generates.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("tests", [Prompts, Generates, Both, Depths, Parallels, Repetitions, NoWarmup, ModelOptions.Json, Format]),
        new("model", [ModelOptions.Model, Threads, ModelOptions.Activations, CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        As llama-bench: every -p and every -n is a test of its own, on random tokens, and tokens a second are the mean over the repetitions. Generation includes choosing the best token.
        With -npl every sequence reads or generates so many tokens, and tokens a second count all of them.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        List<(int Prompt, int Generate)> tests =
        [
            .. arguments.Get(Prompts).Where(n => n > 0).Select(n => (n, 0)), .. arguments.Get(Generates).Where(n => n > 0).Select(n => (0, n)),
            .. arguments.GetAll(Both).Select(pair => (pair[0], pair[1])),
        ];
        if (tests.Count == 0 || arguments.Get(Depths).IsEmpty || arguments.Get(Threads).IsEmpty || arguments.Get(Parallels).IsEmpty)
        {
            throw new UsageException("There is nothing to test: give -p, -n or -pg above 0.");
        }

        var (depth, parallel) = (arguments.Get(Depths).Max(), arguments.Get(Parallels).Max());
        var length = (long)depth + tests.Max(test => (long)test.Prompt + test.Generate) + 2;
        var capacity = 2d * parallel * (length + 64); // the bases and their forks, each with the pages of a whole context
        if (capacity > int.MaxValue)
        {
            throw new UsageException($"The tests need room for {capacity:F0} tokens; {int.MaxValue} are the most. Give a smaller -p, -n, -pg, -d or -npl.");
        }

        var isJson = arguments.Get(ModelOptions.Json) || arguments.Get(Format) == "json";
        List<BenchRow> rows = [];
        foreach (var threads in arguments.Get(Threads))
        {
            var loaded = await LoadedModel.OpenAsync(
                arguments, console,
                engine => engine with
                {
                    ContextLength = (int)length,
                    CacheTokens = (int)capacity,
                    MaximumSequences = 2 * parallel,
                    ReusePrefixes = false,
                    CacheType = ModelOptions.ReadCacheType(arguments.Get(CacheType)),
                },
                threads, cancellationToken).ConfigureAwait(false);
            await using var _ = loaded.ConfigureAwait(false);
            foreach (var at in arguments.Get(Depths))
            {
                foreach (var test in tests)
                {
                    foreach (var count in arguments.Get(Parallels))
                    {
                        var row = await RunAsync(loaded, test, at, count, arguments, console, cancellationToken).ConfigureAwait(false);
                        rows.Add(row);
                        if (!isJson)
                        {
                            WriteRow(console, row, isFirst: rows.Count == 1);
                        }
                    }
                }
            }
        }

        if (isJson)
        {
            CliJson.WriteLine(console, [.. rows], CliJson.Results.BenchRowArray);
        }

        return ExitCode.Success;
    }

    private static async Task<BenchRow> RunAsync(
        LoadedModel loaded, (int Prompt, int Generate) test, int depth, int parallel, ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System.GetUtcNow();
        TimeSpan[] samples;
        using (var bar = new ProgressBar(console))
        {
            bar.Report(0, TestName(test.Prompt, test.Generate, depth, parallel));
            samples = await new Benchmark(loaded.Model).RunAsync(
                test.Prompt, test.Generate, depth, parallel, arguments.Get(Repetitions), arguments.Get(NoWarmup) ? TimeSpan.Zero : TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
        }

        var tokens = (double)(test.Prompt + test.Generate) * parallel;
        double[] speeds = [.. samples.Select(sample => tokens / sample.TotalSeconds)];
        double[] nanoseconds = [.. samples.Select(sample => sample.TotalNanoseconds)];
        var model = loaded.Model;
        var type = model.Tensors.GroupBy(tensor => tensor.Type).MaxBy(group => group.Sum(tensor => tensor.ByteLength))?.Key;
        var parameters = model.Tensors.Sum(tensor => tensor.Count);
        return new BenchRow
        {
            BuildCommit = CliApplication.Version,
            CpuInfo = Processor.Name(),
            Backends = model.DeviceName,
            ModelFilename = model.Path,
            ModelType = $"{model.Definition.Architecture} {Sizes.Count(parameters)} {type}",
            ModelSize = model.Tensors.Sum(tensor => tensor.ByteLength),
            ModelNParams = parameters,
            NUbatch = model.Engine.Options.MaximumRows,
            NThreads = loaded.Threads,
            TypeK = arguments.Get(CacheType),
            TypeV = arguments.Get(ModelOptions.ValueCacheType) ?? arguments.Get(CacheType),
            Activations = arguments.Get(ModelOptions.Activations),
            NPrompt = test.Prompt,
            NGen = test.Generate,
            NDepth = depth,
            NParallel = parallel,
            TestTime = time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            AvgNs = (long)nanoseconds.Average(),
            StddevNs = (long)Deviation(nanoseconds),
            AvgTs = speeds.Average(),
            StddevTs = Deviation(speeds),
            SamplesNs = [.. nanoseconds.Select(value => (long)value)],
            SamplesTs = speeds,
        };
    }

    private static void WriteRow(CliConsole console, BenchRow row, bool isFirst)
    {
        if (isFirst)
        {
            console.Out.WriteLine($"| {"model",-30} | {"size",10} | {"params",10} | {"backend",-10} | {"threads",7} | {"test",15} | {"t/s",20} |");
            console.Out.WriteLine($"| {new string('-', 30)} | {new string('-', 9)}: | {new string('-', 9)}: | {new string('-', 10)} | {new string('-', 6)}: | {new string('-', 14)}: | {new string('-', 19)}: |");
        }

        var speed = string.Create(CultureInfo.InvariantCulture, $"{row.AvgTs:F2} ± {row.StddevTs:F2}");
        console.Out.WriteLine($"| {row.ModelType,-30} | {Sizes.Bytes(row.ModelSize),10} | {Sizes.Count(row.ModelNParams),10} | {row.Backends,-10} | {row.NThreads,7} | {TestName(row.NPrompt, row.NGen, row.NDepth, row.NParallel),15} | {speed,20} |");
        console.Out.Flush();
    }

    private static string TestName(int prompt, int generate, int depth, int parallel)
    {
        var name = prompt > 0 && generate > 0 ? $"pp{prompt}+tg{generate}" : prompt > 0 ? $"pp{prompt}" : $"tg{generate}";
        return $"{name}{(depth > 0 ? $" @ d{depth}" : "")}{(parallel > 1 ? $" x{parallel}" : "")}";
    }

    /// <summary>The standard deviation of a sample; 0 of a single value.</summary>
    private static double Deviation(double[] values)
    {
        var mean = values.Average();
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }

    private static ImmutableArray<int> ReadPair(string text) =>
        text.Split(',') is [var prompt, var generate] ? [int.Parse(prompt, NumberStyles.None, CultureInfo.InvariantCulture), int.Parse(generate, NumberStyles.None, CultureInfo.InvariantCulture)] : throw new FormatException();
}
