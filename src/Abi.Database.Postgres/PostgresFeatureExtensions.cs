using Abi.Database;
using Abi.Database.Postgres;
using Abi.Database.Postgres.Queries;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace Abi;

/// <summary>Adds collections in PostgreSQL to Abi.</summary>
public static class PostgresFeatureExtensions
{
    /// <summary>
    /// Adds collections in PostgreSQL: reached as <c>abi.Postgres</c>, configured under <c>Abi:Postgres</c>. Without a connection string, connections come from the <see cref="NpgsqlDataSource"/> among the
    /// services; texts are embedded by the <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> among them, such as that of <c>AddLlm</c>, unless the options have another. <see cref="PostgresFeature"/>,
    /// <see cref="PostgresDatabase"/> and, unless another database was added before, <see cref="IVectorDatabase"/> can be injected.
    /// </summary>
    public static AbiBuilder AddPostgres(this AbiBuilder builder, Action<PostgresOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddFeature(
            new FeatureDefinition<PostgresFeature, PostgresOptions>
            {
                Name = "Postgres",
                StartsAfter = ["Llm"],
                Create = static (services, options) =>
                {
                    if (options.ConnectionString.Length == 0)
                    {
                        options.DataSource ??= services.GetService(typeof(NpgsqlDataSource)) as NpgsqlDataSource
                            ?? throw new Database.DatabaseException("Where is PostgreSQL? Set Abi:Postgres:ConnectionString (ABI_POSTGRES_CONNECTION_STRING), hand a source to WithDataSource, or register an NpgsqlDataSource among the services.");
                    }

                    options.Generator ??= () => services.GetService(typeof(IEmbeddingGenerator<string, Embedding<float>>)) as IEmbeddingGenerator<string, Embedding<float>>
                        ?? throw new Database.DatabaseException("There is no embedding generator: no IEmbeddingGenerator<string, Embedding<float>> is among the services. Add a model (AddLlm), register a generator, hand one to PostgresOptions.WithEmbeddings, or give the vectors.");
                    return new PostgresFeature(options);
                },
                Bind = static (section, options) => section.Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true),
                Validate = static (options, check) =>
                {
                    check.NotEmpty(options.Schema);
                    check.InRange(options.Effort, 1, SearchSettings.MaximumEffort);
                },
            },
            configure);
        builder.Services.TryAddSingleton(static services => services.GetRequiredService<PostgresFeature>().OpenForInjection());
        builder.Services.TryAddSingleton<IVectorDatabase>(static services => services.GetRequiredService<PostgresDatabase>());
        return builder;
    }

    extension(AbiFramework abi)
    {
        /// <summary>Collections in PostgreSQL.</summary>
        /// <exception cref="FeatureDisabledException">The feature is not on.</exception>
        public PostgresFeature Postgres => abi.GetFeature<PostgresFeature>("Postgres");
    }
}
