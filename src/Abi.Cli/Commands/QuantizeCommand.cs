using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Quantization;

namespace Abi.Cli.Commands;

/// <summary>Quantises a model file.</summary>
internal sealed class QuantizeCommand : Command
{
    private static readonly Argument Input = new("IN", "a GGUF file of F32, F16 or BF16 weights, or any part of a split one") { TakesFile = true, Suggestions = [ModelSource.Stories] };
    private static readonly Argument OutputFile = new("OUT", "the file to make") { TakesFile = true };
    private static readonly Argument Type = new("TYPE", "a mixture or a block format, see below") { Suggestions = QuantizationTarget.All.Select(target => target.Name) };
    private static readonly Option<string?> Importance = Options.File("--imatrix", "importance weights, as llama-imatrix writes them (GGUF, or the older format)");
    private static readonly Option<bool> Pure = Options.Switch("--pure", "give every tensor that is quantised the main format, without a mixture");
    private static readonly Option<bool> AllowRequantize = Options.Switch("--allow-requantize", "also quantise tensors that are quantised already, which loses more");
    private static readonly Option<TensorType?> OutputType = FormatOption("--output-tensor-type", "the format of the output projection");
    private static readonly Option<TensorType?> EmbeddingType = FormatOption("--token-embedding-type", "the format of the token embeddings");
    private static readonly Option<int> Threads = new(["-t", "--threads"], "N", "threads that encode", 0, text => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)) { DefaultText = "one a core" };
    private static readonly Option<bool> DryRun = Options.Switch("--dry-run", "only tell what would become of every tensor");

    /// <inheritdoc/>
    public override string Name => "quantize";

    /// <inheritdoc/>
    public override string Summary => "Make a smaller model of a model, with llama-quantize's formats and mixtures.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Input, OutputFile, Type];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Importance, Pure, OutputType, EmbeddingType, AllowRequantize, DryRun, Threads, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => $"types: {string.Join(' ', QuantizationTarget.All.Select(target => target.Name))}";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var name = arguments.Get(Type);
        var target = QuantizationTarget.TryParse(name) ?? throw new UsageException(
            $"'{name}' is not a type that a model can be quantised to{CommandLineParser.Suggestion(name.ToUpperInvariant(), QuantizationTarget.All.Select(known => known.Name))} There are: {string.Join(", ", QuantizationTarget.All.Select(known => known.Name))}.");
        var (input, output) = (ModelSource.Resolve(arguments.Get(Input)), arguments.Get(OutputFile));
        if (!arguments.Get(DryRun))
        {
            foreach (var read in new[] { input, arguments.Get(Importance) }.OfType<string>())
            {
                Output.OutputFile.RequireOther(read, output);
            }
        }

        var options = new ModelQuantizerOptions
        {
            Threads = arguments.Get(Threads),
            Pure = arguments.Get(Pure),
            AllowRequantize = arguments.Get(AllowRequantize),
            OutputType = arguments.Get(OutputType),
            EmbeddingType = arguments.Get(EmbeddingType),
            Importance = arguments.Get(Importance) is { } importance ? ImportanceMatrix.Read(importance).Values : null,
        };
        var start = Stopwatch.GetTimestamp();
        IReadOnlyList<TensorConversion> conversions;
        if (arguments.Get(DryRun))
        {
            using var model = GgufFile.Open(input, cancellationToken);
            conversions = ModelQuantizer.Plan(model, target, options);
        }
        else
        {
            using var bar = new ProgressBar(console);
            var progress = new DirectProgress<QuantizationProgress>(so => bar.Report(so.Fraction, so.TensorsDone < so.TensorCount ? $"{so.Tensor} {so.From} → {so.To}" : "writing"));
            conversions = await Task.Run(() => ModelQuantizer.Quantize(input, output, target, options, progress, cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        Write(console, arguments, output, target, conversions, Stopwatch.GetElapsedTime(start).TotalSeconds);
        return ExitCode.Success;
    }

    private static void Write(CliConsole console, ParsedArguments arguments, string output, QuantizationTarget target, IReadOnlyList<TensorConversion> conversions, double seconds)
    {
        var (before, after) = (conversions.Sum(tensor => tensor.BytesBefore), conversions.Sum(tensor => tensor.BytesAfter));
        if (arguments.Get(ModelOptions.Json))
        {
            ImmutableArray<QuantizedTensor> tensors = [.. conversions.Select(tensor =>
                new QuantizedTensor(tensor.Name, [.. tensor.Shape], tensor.From.ToString(), tensor.To.ToString(), tensor.BytesBefore, tensor.BytesAfter))];
            CliJson.WriteLine(console, new QuantizeResult(output, target.Name, before, after, seconds, tensors), CliJson.Results.QuantizeResult);
            return;
        }

        if (arguments.Get(DryRun))
        {
            foreach (var tensor in conversions)
            {
                console.Out.WriteLine($"{tensor.Name,-40} {$"[{string.Join(", ", tensor.Shape)}]",-24} {tensor.From,-7} → {tensor.To,-7} {Sizes.Bytes(tensor.BytesAfter),12}");
            }
        }

        foreach (var group in conversions.GroupBy(tensor => tensor.To).OrderByDescending(group => group.Sum(tensor => tensor.BytesAfter)))
        {
            console.Out.WriteLine($"{group.Key,-8} {group.Count(),5} tensors {Sizes.Bytes(group.Sum(tensor => tensor.BytesAfter)),12}");
        }

        console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target.Name}: {Sizes.Bytes(before)} → {Sizes.Bytes(after)} ({(double)after / Math.Max(1, before):P1}), {seconds:F1} s"));
    }

    private static Option<TensorType?> FormatOption(string name, string help) => new([name], "TYPE", help, null, ParseFormat) { DefaultText = "as TYPE has it" };

    private static TensorType? ParseFormat(string text) => BlockFormat.All.FirstOrDefault(format => format.CanEncode && format.Name.Equals(text, StringComparison.OrdinalIgnoreCase))?.Type
        ?? throw new ArgumentException($"'{text}' is not a block format that can be made. There are: {string.Join(", ", BlockFormat.All.Where(format => format.CanEncode).Select(format => format.Name))}.");
}
