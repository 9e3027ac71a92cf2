using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;

namespace Abi.Cli.Commands;

/// <summary>Writes a model of random weights.</summary>
internal sealed class MakeModelCommand : Command
{
    private static readonly Argument Shape = new("SHAPE", "a named shape, and changes to it: `tiny,blocks=8,vocabulary=1000`", IsRequired: false) { Suggestions = ModelShape.Named.Select(shape => shape.Name) };
    private static readonly Argument OutputFile = new("OUT", "the GGUF file to write", IsRequired: false) { TakesFile = true };
    private static readonly Option<int> Seed = Options.Integer("-s --seed", "the seed of all randomness", 1);
    private static readonly Option<string?> Type = Options.Text("--type", "TYPE", "a mixture or a block format, as for `quantize`", "F16");
    private static readonly Option<bool> List = Options.Switch("--list", "list the named shapes instead");

    /// <inheritdoc/>
    public override string Name => "make-model";

    /// <inheritdoc/>
    public override string Summary => "Write a model of random weights, of any shape and type: for benchmarks and tests.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Shape, OutputFile];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [Seed, Type, List, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => $"""
        shapes: {string.Join(' ', ModelShape.Named.Select(shape => shape.Name))}
        changes: architecture vocabulary context embedding feedforward blocks heads kvheads headlength experts used tied ropebase ropefactor
        The same shape, type and seed give the same file.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (arguments.Get(List))
        {
            WriteShapes(arguments, console);
            return ExitCode.Success;
        }

        var (text, path) = (arguments.Get(Shape), arguments.Get(OutputFile));
        Output.OutputFile.RequireFile(path);
        var (shape, target) = Parse(text, arguments.Get(Type) ?? "F16");
        var start = Stopwatch.GetTimestamp();
        using (var bar = new ProgressBar(console))
        {
            var progress = new DirectProgress<GgufWriteProgress>(so => bar.Report((double)so.BytesWritten / Math.Max(1, so.ByteCount), so.Tensor));
            await Task.Run(() => RandomModel.Write(path, shape, target, arguments.Get(Seed), progress, cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using var file = GgufFile.Open(path, cancellationToken);
        var parameters = file.Tensors.Sum(tensor => tensor.Count);
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new MakeModelResult(path, shape.Name, target.Name, arguments.Get(Seed), file.ByteLength, parameters, seconds), CliJson.Results.MakeModelResult);
        }
        else
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {shape.Name}, {target.Name}, {Sizes.Count(parameters)} parameters, {Sizes.Bytes(file.ByteLength)}, {seconds:F1} s"));
        }

        return ExitCode.Success;
    }

    private static (ModelShape Shape, QuantizationTarget Target) Parse(string shape, string type)
    {
        try
        {
            return (ModelShape.Parse(shape), QuantizationTarget.Parse(type));
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message, e);
        }
    }

    private static void WriteShapes(ParsedArguments arguments, CliConsole console)
    {
        if (arguments.Get(ModelOptions.Json))
        {
            ShapeResult[] shapes = [.. ModelShape.Named.Select(shape => new ShapeResult(
                shape.Name, shape.Architecture, shape.VocabularySize, shape.ContextLength, shape.EmbeddingLength, shape.FeedForwardLength, shape.BlockCount, shape.HeadCount, shape.KeyValueHeadCount, shape.ExpertCount, shape.ExpertUsedCount))];
            CliJson.WriteLine(console, shapes, CliJson.Results.ShapeResultArray);
            return;
        }

        console.Out.WriteLine($"{"shape",-16} {"architecture",-12} {"vocabulary",10} {"context",8} {"embedding",9} {"feedforward",11} {"blocks",6} {"heads",5} {"kvheads",7} {"experts",7}");
        foreach (var shape in ModelShape.Named)
        {
            var experts = shape.ExpertCount > 0 ? $"{shape.ExpertUsedCount}/{shape.ExpertCount}" : "";
            console.Out.WriteLine($"{shape.Name,-16} {shape.Architecture,-12} {shape.VocabularySize,10} {shape.ContextLength,8} {shape.EmbeddingLength,9} {shape.FeedForwardLength,11} {shape.BlockCount,6} {shape.HeadCount,5} {shape.KeyValueHeadCount,7} {experts,7}".TrimEnd());
        }
    }
}
