using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Compute.Devices;
using Abi.Database;
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Models;

namespace Abi.Cli.Databases;

/// <summary>The model that embeds texts for a command, as its options say.</summary>
internal sealed class EmbeddingModel : IAsyncDisposable
{
    private static readonly Option<string?> Model = CommandLine.Options.File("-m --model", "the model that embeds texts: a GGUF file, a pulled model, or `stories`", "MODEL");
    private static readonly Option<string?> Pooling = new(["--pooling"], "KIND", "how the vectors of tokens become one", null, text => text.ToLowerInvariant()) { Choices = ["mean", "cls", "last"], DefaultText = "as the model declares" };
    private static readonly Option<string?> DocumentPrefix = CommandLine.Options.Text("--document-prefix", "TEXT", "what the model wants before the text of a record");
    private static readonly Option<string?> QueryPrefix = CommandLine.Options.Text("--query-prefix", "TEXT", "what the model wants before the text of a search");

    private readonly IDevice _device;
    private readonly LanguageModel _model;

    private EmbeddingModel(IDevice device, LanguageModel model, AbiEmbeddingGenerator generator, TextEmbeddingOptions options) => (_device, _model, Generator, Options) = (device, model, generator, options);

    /// <summary>The options of commands that embed.</summary>
    public static ImmutableArray<Option> All => [.. Own, ModelOptions.Threads];

    /// <summary>The options that say which model embeds, and how.</summary>
    public static ImmutableArray<Option> Own => [Model, Pooling, DocumentPrefix, QueryPrefix];

    /// <summary>Embeds.</summary>
    public AbiEmbeddingGenerator Generator { get; }

    /// <summary>How.</summary>
    public TextEmbeddingOptions Options { get; }

    /// <summary>Loads the model that the arguments name; null when they name none.</summary>
    public static async Task<EmbeddingModel?> OpenAsync(ParsedArguments arguments, CancellationToken cancellationToken)
    {
        if (arguments.Get(Model) is not { } name)
        {
            return Own.FirstOrDefault(arguments.Has) is { } option ? throw new UsageException($"'{option.Name}' says how '{Model.Name}' embeds, which is missing.") : null;
        }

        var device = ComputeDevice.Create(arguments.Get(ModelOptions.Threads));
        try
        {
            var model = await LanguageModel.LoadAsync(ModelSource.Resolve(name), new ModelLoadOptions { Device = device }, cancellationToken: cancellationToken).ConfigureAwait(false);
            var pooling = arguments.Get(Pooling) is { } kind ? Enum.Parse<EmbeddingPooling>(kind, ignoreCase: true) : (EmbeddingPooling?)null;
            var generator = model.AsEmbeddingGenerator(new AbiEmbeddingGeneratorOptions { Embedding = new EmbeddingOptions { Pooling = pooling, Normalize = true } });
            return new EmbeddingModel(device, model, generator, new TextEmbeddingOptions { DocumentPrefix = arguments.Get(DocumentPrefix) ?? "", QueryPrefix = arguments.Get(QueryPrefix) ?? "" });
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Unloads the model.</summary>
    public async ValueTask DisposeAsync()
    {
        Generator.Dispose();
        await _model.DisposeAsync().ConfigureAwait(false);
        _device.Dispose();
    }
}
