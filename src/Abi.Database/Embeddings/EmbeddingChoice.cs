using Microsoft.Extensions.AI;

namespace Abi.Database.Embeddings;

/// <summary>Which generator the feature's database uses; registered by <c>WithEmbeddings</c>.</summary>
/// <param name="Generator">Gives it out of the container; null for the one that is registered there.</param>
/// <param name="Options">How it is used.</param>
internal sealed record EmbeddingChoice(Func<IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>>? Generator, TextEmbeddingOptions Options)
{
    /// <summary>The generator.</summary>
    /// <exception cref="DatabaseException">There is none.</exception>
    public IEmbeddingGenerator<string, Embedding<float>> Resolve(IServiceProvider services) =>
        Generator is not null ? Generator(services) ?? throw new DatabaseException("The function that WithEmbeddings was given returned no generator.")
            : services.GetService(typeof(IEmbeddingGenerator<string, Embedding<float>>)) as IEmbeddingGenerator<string, Embedding<float>>
                ?? throw new DatabaseException("There is no IEmbeddingGenerator<string, Embedding<float>> among the services. Add a model (AddLlm), register a generator, or hand one to WithEmbeddings.");
}
