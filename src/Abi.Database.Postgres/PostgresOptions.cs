using Microsoft.Extensions.AI;
using Npgsql;

namespace Abi.Database.Postgres;

/// <summary>How a database in PostgreSQL is opened.</summary>
/// <remarks>Not thread-safe: set once, before the feature starts.</remarks>
public sealed class PostgresOptions
{
    /// <summary>Npgsql's connection string; not needed with a <see cref="DataSource"/>. Statements are prepared by themselves unless it says <c>Max Auto Prepare</c>.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>The schema (PostgreSQL's, a namespace of tables) that the collections are in. Made when it is first needed.</summary>
    public string Schema { get; set; } = "abi";

    /// <summary>The vectors that are compared at the least (<c>hnsw.ef_search</c>) when a search says nothing, from 1 to 1,000.</summary>
    public int Effort { get; set; } = 200;

    /// <summary>Where connections come from. It must outlive the database, which does not dispose of it. For the feature, that among the services is taken when neither this nor <see cref="ConnectionString"/> is set.</summary>
    internal NpgsqlDataSource? DataSource;

    internal Func<IEmbeddingGenerator<string, Embedding<float>>>? Generator;

    internal TextEmbeddingOptions Embedding = new();

    /// <summary>Takes connections from a source.</summary>
    /// <param name="dataSource">The source; it must outlive the database, which does not dispose of it.</param>
    /// <returns>These options.</returns>
    public PostgresOptions WithDataSource(NpgsqlDataSource dataSource)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        DataSource = dataSource;
        return this;
    }

    /// <summary>Embeds texts by a generator: on upsert those of vector fields with a <see cref="VectorField.SourceField"/>, on search those that are given instead of a vector.</summary>
    /// <param name="generator">The generator; it must outlive the database, which does not dispose of it.</param>
    /// <param name="options">How.</param>
    /// <returns>These options.</returns>
    public PostgresOptions WithEmbeddings(IEmbeddingGenerator<string, Embedding<float>> generator, TextEmbeddingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        (Generator, Embedding) = (() => generator, options ?? Embedding);
        return this;
    }

    /// <summary>How texts are embedded, where the generator is that among the services.</summary>
    /// <param name="options">How.</param>
    /// <returns>These options.</returns>
    public PostgresOptions WithEmbeddings(TextEmbeddingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Embedding = options;
        return this;
    }
}
