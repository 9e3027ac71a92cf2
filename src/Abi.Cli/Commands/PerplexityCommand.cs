using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm.Engine;

namespace Abi.Cli.Commands;

/// <summary>Measures how surprised a model is by a text.</summary>
internal sealed class PerplexityCommand : Command
{
    private static readonly Option<string?> TextFile = Options.File("-f --file", "the text (`-` is stdin)");
    private static readonly Option<int> Context = Options.Integer("-c --ctx-size", "tokens of one window", 512, minimum: 4);

    /// <inheritdoc/>
    public override string Name => "perplexity";

    /// <inheritdoc/>
    public override string Summary => "Measure a model's perplexity on a text.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [TextFile, Context, ModelOptions.Json]),
        new("model", [ModelOptions.Model, ModelOptions.Threads, ModelOptions.Activations, ModelOptions.CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch, ModelOptions.Lora]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        The method of llama-perplexity: the tokens are cut into windows of -c (the rest is dropped), the first token of each becomes the beginning token where the model adds one, and the tokens of the second half of each window are scored.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var text = InputFile.ReadText(arguments.Get(TextFile) ?? throw new UsageException("'--file' is missing: the text to measure on."), console);
        var length = arguments.Get(Context);
        var loaded = await LoadedModel.OpenAsync(arguments, console, engine => engine with { ContextLength = length, MaximumSequences = 1 }, cancellationToken: cancellationToken).ConfigureAwait(false);
        await using var _ = loaded.ConfigureAwait(false);
        var ids = loaded.Model.Tokenizer.Encode(text);
        if (ids.Length < length)
        {
            throw new AbiException($"The text has {ids.Length} tokens, and one window has {length}. Give a longer text, or a smaller -c.");
        }

        var adapters = await loaded.OpenAdaptersAsync(arguments, cancellationToken).ConfigureAwait(false);
        var start = Stopwatch.GetTimestamp();
        PerplexityResult result;
        using (var bar = new ProgressBar(console))
        {
            var progress = new DirectProgress<PerplexityResult>(so => bar.Report(
                (double)so.Windows / so.TotalWindows, string.Create(CultureInfo.InvariantCulture, $"window {so.Windows} of {so.TotalWindows}, perplexity {so.Value:F4}")));
            result = await Perplexity.ComputeAsync(loaded.Model, ids, length, progress, adapters, cancellationToken).ConfigureAwait(false);
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(
                console, new PerplexityOutput(result.Value, result.Uncertainty, result.ScoredTokens, ids.Length, result.Windows, length, seconds), CliJson.Results.PerplexityOutput);
        }
        else
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"perplexity {result.Value:F4} ± {result.Uncertainty:F5} ({result.ScoredTokens} tokens of {result.Windows} windows of {length})"));
        }

        return ExitCode.Success;
    }
}
