using System.Collections.Immutable;
using System.Numerics.Tensors;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Compute.Formats;
using Abi.Llm.Models;

namespace Abi.Cli.Commands;

/// <summary>Writes the logits of given tokens to a file.</summary>
internal sealed class LogitsCommand : Command
{
    private static readonly Option<int[]?> Ids = Options.Ids("--ids", "the tokens, separated by commas; for an encoder-decoder model the encoder's");
    private static readonly Option<string?> Text = Options.Text("-p --prompt --text", "TEXT", "a text instead, with the special tokens that the model asks for");
    private static readonly Option<int[]?> DecoderIds = Options.Ids("--decoder-ids", "for an encoder-decoder model, the decoder's tokens; without them, its start token");
    private static readonly Option<string?> Output = Options.File("-o --output", "the .npy file to write: float32, [vocabulary], or with --all [tokens, vocabulary]");
    private static readonly Option<bool> All = Options.Switch("--all", "the logits after every token, not only after the last");

    private static readonly Option<string> CacheType = Options.Choice("-ctk --cache-type-k --cache-type", "TYPE", "the format of keys, and of values unless -ctv says another", "f32", ModelOptions.CacheTypes);

    /// <inheritdoc/>
    public override string Name => "logits";

    /// <inheritdoc/>
    public override string Summary => "Compute the logits of given tokens and write them as a NumPy array.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [Ids, Text, DecoderIds, Output, All, ModelOptions.Json]),
        new("model", [ModelOptions.Model, ModelOptions.Threads, ModelOptions.Activations, CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch, ModelOptions.Lora]),
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (arguments.Has(Ids) == arguments.Has(Text))
        {
            throw new UsageException("Give the tokens by one of --ids and --text.");
        }

        var output = arguments.Get(Output) ?? throw new UsageException("'--output' is missing: the .npy file to write.");
        OutputFile.RequireWritable(output);
        var given = Math.Max(arguments.Get(Ids)?.Length ?? 0, arguments.Get(DecoderIds)?.Length ?? 0);
        var loaded = await LoadedModel.OpenAsync(
            arguments, console, engine => engine with
            {
                CacheType = ModelOptions.ReadCacheType(arguments.Get(CacheType)),
                ContextLength = given > 0 ? Math.Max(given, 8) : null,
                MaximumSequences = 1,
            },
            cancellationToken: cancellationToken).ConfigureAwait(false);
        await using var _ = loaded.ConfigureAwait(false);
        var model = loaded.Model;
        var ids = arguments.Get(Ids) ?? model.Tokenizer.Encode(arguments.Get(Text)!, addSpecial: true, parseSpecial: true);
        loaded.CheckIds(ids, Ids.Name);
        var decoderIds = arguments.Get(DecoderIds);
        if (model.Definition.Kind == ModelKind.EncoderDecoder)
        {
            decoderIds ??= [model.Definition.DecoderStartId ?? model.Tokenizer.BeginId ?? model.Tokenizer.PadId ?? 0];
            loaded.CheckIds(decoderIds, DecoderIds.Name);
        }
        else if (decoderIds is not null)
        {
            throw new UsageException($"'--decoder-ids' is for encoder-decoder models; '{model.Definition.Architecture}' is none.");
        }

        if ((decoderIds ?? ids).Length == 0)
        {
            throw new UsageException("There are no tokens to compute the logits of.");
        }

        var all = arguments.Get(All);
        var adapters = await loaded.OpenAdaptersAsync(arguments, cancellationToken).ConfigureAwait(false);
        var logits = decoderIds is null
            ? await model.ComputeLogitsAsync(ids, all, adapters: adapters, cancellationToken: cancellationToken).ConfigureAwait(false)
            : await model.ComputeLogitsAsync(decoderIds, all, ids, adapters, cancellationToken).ConfigureAwait(false);
        var width = model.Engine.VocabularySize;
        int[] shape = all ? [logits.Length / width, width] : [width];
        await NpyWriter.WriteAsync(output, shape, logits).ConfigureAwait(false);
        var best = TensorPrimitives.IndexOfMax<float>(logits.AsSpan(logits.Length - width));
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new LogitsResult(output, shape, ids, decoderIds, best), CliJson.Results.LogitsResult);
        }
        else
        {
            console.Error.WriteLine($"{output}: float32 [{string.Join(", ", shape)}]; the best token at the end is {best}.");
        }

        return ExitCode.Success;
    }
}
