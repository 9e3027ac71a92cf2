using Abi.Database;
using Abi.Database.VectorData;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.VectorData;

namespace Abi;

/// <summary>Abi's databases for those who speak Microsoft.Extensions.VectorData.</summary>
public static class AbiVectorStoreExtensions
{
    /// <summary>The database as a <see cref="VectorStore"/>.</summary>
    /// <param name="database">The database; it must outlive the store, which does not dispose of it.</param>
    /// <param name="options">How it is used.</param>
    public static AbiVectorStore AsVectorStore(this IVectorDatabase database, AbiVectorStoreOptions? options = null) => new(database, options);

    /// <summary>
    /// Makes the <see cref="IVectorDatabase"/> among the services, such as that of <c>AddDatabase</c>, injectable as <see cref="VectorStore"/>. Unless the options name a generator, it is the
    /// <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> among the services, if there is one.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="options">How it is used.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAbiVectorStore(this IServiceCollection services, AbiVectorStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => new AbiVectorStore(
            provider.GetRequiredService<IVectorDatabase>(),
            options?.EmbeddingGenerator is not null ? options : new AbiVectorStoreOptions { EmbeddingGenerator = provider.GetService<IEmbeddingGenerator<string, Embedding<float>>>() }));
        services.TryAddSingleton<VectorStore>(provider => provider.GetRequiredService<AbiVectorStore>());
        return services;
    }
}
