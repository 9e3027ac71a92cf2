using Microsoft.Extensions.AI;

namespace Abi.Database.Tests.Embeddings;

/// <summary>An embedding generator whose vectors can be told beforehand: how often each of the first letters of the alphabet occurs. Remembers what it was asked.</summary>
internal sealed class LetterGenerator(int dimensions = 26) : IEmbeddingGenerator<string, Embedding<float>>
{
    public List<string[]> Calls { get; } = [];

    public List<EmbeddingGenerationOptions?> Options { get; } = [];

    /// <summary>Changes what is given back.</summary>
    public Func<List<Embedding<float>>, IEnumerable<Embedding<float>>> Change { get; set; } = embeddings => embeddings;

    public static float[] VectorOf(string text, int dimensions = 26) => [.. Enumerable.Range(0, dimensions).Select(i => (float)text.ToLowerInvariant().Count(c => c == 'a' + i))];

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string[] texts = [.. values];
        lock (Calls)
        {
            Calls.Add(texts);
            Options.Add(options);
        }

        return Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(Change([.. texts.Select(text => new Embedding<float>(VectorOf(text, dimensions)))])));
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType == typeof(EmbeddingGeneratorMetadata) ? new EmbeddingGeneratorMetadata("test", defaultModelId: "letters") : null;

    public void Dispose()
    {
    }
}
