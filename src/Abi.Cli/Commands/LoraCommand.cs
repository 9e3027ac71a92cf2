using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Compute.Formats;
using Abi.Llm;

namespace Abi.Cli.Commands;

/// <summary>Merges adapters into a model.</summary>
internal sealed class LoraCommand : Command
{
    private static readonly Argument Input = new("IN", "a GGUF file, or any part of a split one") { TakesFile = true, Suggestions = [ModelSource.Stories] };
    private static readonly Argument OutputFile = new("OUT", "the file to make: the model with the adapters merged into its weights") { TakesFile = true };
    private static readonly Option<TensorType?> Format = new(["--type"], "TYPE", "the format of changed tensors", null, ReadFormat) { DefaultText = "each keeps its own" };

    /// <inheritdoc/>
    public override string Name => "lora";

    /// <inheritdoc/>
    public override string Summary => "Merge LoRA adapters into a model.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Input, OutputFile];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Lora, Format, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => """
        To apply an adapter without merging it, give --lora to generate, chat, logits or perplexity.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var adapters = arguments.GetAll(ModelOptions.Lora).Select(LoadedModel.ReadAdapter).ToList();
        if (adapters.Count == 0)
        {
            throw new UsageException("'--lora' is missing: the adapter to merge.");
        }

        var (input, output) = (ModelSource.Resolve(arguments.Get(Input)), arguments.Get(OutputFile));
        foreach (var read in adapters.Select(static adapter => adapter.Path).Prepend(input))
        {
            Output.OutputFile.RequireOther(read, output);
        }

        IReadOnlyList<string> changed;
        using (var bar = new ProgressBar(console))
        {
            var progress = new DirectProgress<double>(so => bar.Report(so, "merging"));
            changed = await Task.Run(() => AdapterMerger.Merge(input, output, adapters, arguments.Get(Format), progress, cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new LoraResult(output, new FileInfo(output).Length, [.. changed]), CliJson.Results.LoraResult);
        }
        else
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{output}: {changed.Count} tensors changed."));
        }

        return ExitCode.Success;
    }

    private static TensorType? ReadFormat(string text) =>
        Enum.TryParse<TensorType>(text, ignoreCase: true, out var type) && BlockFormat.TryGet(type, out var format) && format.CanEncode ? type : throw new FormatException();
}
