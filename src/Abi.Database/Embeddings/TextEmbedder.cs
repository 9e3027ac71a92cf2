using Microsoft.Extensions.AI;

namespace Abi.Database.Embeddings;

/// <summary>Makes vectors of texts by a generator, in batches, each text of a call once. Thread-safe, as generators are.</summary>
public sealed class TextEmbedder
{
    private readonly Lock _gate = new();
    private readonly Func<IEmbeddingGenerator<string, Embedding<float>>> _source;
    private readonly TextEmbeddingOptions _options;
    private IEmbeddingGenerator<string, Embedding<float>>? _generator;

    /// <summary>Makes an embedder; stores outside this assembly give it to their converters of records.</summary>
    /// <param name="generator">Gives the generator when it is first needed: a container's may have a model to load.</param>
    /// <param name="options">How.</param>
    public TextEmbedder(Func<IEmbeddingGenerator<string, Embedding<float>>> generator, TextEmbeddingOptions options)
    {
        ArgumentNullException.ThrowIfNull(generator);
        ArgumentNullException.ThrowIfNull(options);
        (_source, _options) = (generator, options);
    }

    /// <summary>The embedder that a database's options ask for; null for none.</summary>
    internal static TextEmbedder? Of(DatabaseOptions options) => options.Generator is { } generator ? new TextEmbedder(() => generator, options.Embedding)
        : options.GeneratorSource is { } source ? new TextEmbedder(source, options.Embedding) : null;

    /// <summary>The vectors of records' texts, in their order.</summary>
    internal async Task<ReadOnlyMemory<float>[]> EmbedDocumentsAsync(VectorField field, IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        List<string> distinct = [];
        foreach (var text in texts)
        {
            if (places.TryAdd(text, distinct.Count))
            {
                distinct.Add(_options.DocumentPrefix + text);
            }
        }

        var vectors = new List<ReadOnlyMemory<float>>(distinct.Count);
        foreach (var batch in distinct.Chunk(_options.BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            vectors.AddRange(await GenerateAsync(field, batch, cancellationToken).ConfigureAwait(false));
        }

        return [.. texts.Select(text => vectors[places[text]])];
    }

    /// <summary>The vector to search for.</summary>
    internal async Task<ReadOnlyMemory<float>> EmbedQueryAsync(VectorField field, string text, CancellationToken cancellationToken) =>
        (await GenerateAsync(field, [_options.QueryPrefix + text], cancellationToken).ConfigureAwait(false))[0];

    private async Task<ReadOnlyMemory<float>[]> GenerateAsync(VectorField field, string[] texts, CancellationToken cancellationToken)
    {
        var generator = Generator();
        var embeddings = await generator.GenerateAsync(texts, _options.Generation, cancellationToken).ConfigureAwait(false);
        if (embeddings.Count != texts.Length)
        {
            throw new DatabaseException($"The embedding generator {Name(generator)} gave {embeddings.Count} vectors for {texts.Length} texts; one for each was expected.");
        }

        var vectors = new ReadOnlyMemory<float>[texts.Length];
        for (var i = 0; i < vectors.Length; i++)
        {
            vectors[i] = embeddings[i]?.Vector ?? throw new DatabaseException($"The embedding generator {Name(generator)} gave no vector for a text.");
            if (vectors[i].Length != field.Dimensions)
            {
                throw new DatabaseException(
                    $"The embedding generator {Name(generator)} gives vectors of {vectors[i].Length} dimensions; the field '{field.Name}' has {field.Dimensions}. "
                    + $"Define the field with {vectors[i].Length}, or, for a model that was trained to be cut, ask for {field.Dimensions} by {nameof(TextEmbeddingOptions)}.{nameof(TextEmbeddingOptions.Generation)}.");
            }
        }

        return vectors;
    }

    // Whoever comes meanwhile waits: a model is loaded once. One that could not be made is asked for again.
    private IEmbeddingGenerator<string, Embedding<float>> Generator()
    {
        lock (_gate)
        {
            return _generator ??= _source();
        }
    }

    private static string Name(IEmbeddingGenerator<string, Embedding<float>> generator) =>
        generator.GetService(typeof(EmbeddingGeneratorMetadata)) is EmbeddingGeneratorMetadata { DefaultModelId: { } model } ? $"of the model '{model}'" : generator.GetType().Name;
}
