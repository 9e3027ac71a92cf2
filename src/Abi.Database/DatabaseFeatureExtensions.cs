using Abi.Database;
using Abi.Database.Configuration;
using Abi.Database.Embeddings;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Abi;

/// <summary>Adds the database to Abi.</summary>
public static class DatabaseFeatureExtensions
{
    /// <summary>
    /// Adds the database: reached as <c>abi.Database</c>, configured under <c>Abi:Database</c>. <see cref="DatabaseFeature"/>, <see cref="VectorDatabase"/> and <see cref="IVectorDatabase"/> can be injected. It is
    /// opened when the framework starts, or when it is first injected, whichever comes first, and closed when the framework stops. Started
    /// again, it opens the same objects: who was given one goes on with it.
    /// </summary>
    public static AbiBuilder AddDatabase(this AbiBuilder builder, Action<DatabaseOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddFeature(
            new FeatureDefinition<DatabaseFeature, DatabaseOptions>
            {
                Name = "Database",
                StartsAfter = ["Llm"],
                Create = static (services, options) =>
                {
                    if (services.GetService(typeof(EmbeddingChoice)) is EmbeddingChoice choice)
                    {
                        (options.Generator, options.GeneratorSource, options.Embedding) = (null, () => choice.Resolve(services), choice.Options);
                    }

                    options.Clock = services.GetService(typeof(TimeProvider)) as TimeProvider ?? options.Clock;
                    return new DatabaseFeature(options, services.GetService<ILoggerFactory>()?.CreateLogger<DatabaseFeature>() ?? NullLogger<DatabaseFeature>.Instance);
                },
                Bind = static (section, options) => DatabaseOptionKeys.Bind(section, options),
                Validate = static (options, check) =>
                {
                    check.NotEmpty(options.Path);
                    check.Defined(options.Access);
                    check.Defined(options.Durability);
                    check.Defined(options.Recovery);
                    check.InRange(options.LogSegmentBytes, 1 << 16, 1 << 30);
                    check.InRange(options.CheckpointBytes, 1 << 16, long.MaxValue);
                    check.InRange(options.DecryptedBytes, 0, long.MaxValue);
                    check.InRange(options.BackgroundBytesPerSecond, 0, long.MaxValue);
                    check.Require(options.BackgroundBytesPerSecond is 0 or >= 1024, nameof(options.BackgroundBytesPerSecond), options.BackgroundBytesPerSecond, "0 or at least 1024 bytes");
                    check.Require(options.LogRetention is null || options.LogRetention > TimeSpan.Zero, nameof(options.LogRetention), options.LogRetention, "a time above zero");
                    check.Require(options.LogArchive is null || options.LogArchive.Trim().Length > 0, nameof(options.LogArchive), options.LogArchive, "a folder, or nothing");
                    check.InRange(options.VectorMemoryBytes, 0, long.MaxValue);
                    check.InRange(options.IndexThreads, 0, 1024);
                    check.InRange(options.ScanThreads, 0, 1024);
                    check.Require(options.GroupInterval >= TimeSpan.FromMilliseconds(1) && options.GroupInterval <= TimeSpan.FromMinutes(1), nameof(options.GroupInterval), options.GroupInterval, "a time from 1 millisecond to 1 minute");
                },
            },
            configure);
        builder.Services.TryAddSingleton(static services => services.GetRequiredService<DatabaseFeature>().OpenForInjection());
        builder.Services.TryAddSingleton<IVectorDatabase>(static services => services.GetRequiredService<VectorDatabase>());
        return builder;
    }

    /// <summary>
    /// Lets the database embed texts by the <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> among the services, such as that of <c>AddLlm</c>: on upsert those of vector fields with a
    /// <see cref="VectorField.SourceField"/>, on search those that are given instead of a vector. It is asked for when it is first needed.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="options">How.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder WithEmbeddings(this AbiBuilder builder, TextEmbeddingOptions? options = null) => Choose(builder, null, options);

    /// <summary>Lets the database embed texts by a generator.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="generator">The generator; it must outlive the framework, which does not dispose of it.</param>
    /// <param name="options">How.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder WithEmbeddings(this AbiBuilder builder, IEmbeddingGenerator<string, Embedding<float>> generator, TextEmbeddingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        return Choose(builder, _ => generator, options);
    }

    /// <summary>Lets the database embed texts by a generator that is made of the services, such as one under a key.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="generator">Gives the generator; called once, when it is first needed.</param>
    /// <param name="options">How.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder WithEmbeddings(this AbiBuilder builder, Func<IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>> generator, TextEmbeddingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        return Choose(builder, generator, options);
    }

    private static AbiBuilder Choose(AbiBuilder builder, Func<IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>>? generator, TextEmbeddingOptions? options)
    {
        options ??= new TextEmbeddingOptions();
        options.Validate();
        builder.AddDatabase();
        builder.Services.RemoveAll<EmbeddingChoice>();
        builder.Services.AddSingleton(new EmbeddingChoice(generator, options));
        return builder;
    }

    extension(AbiFramework abi)
    {
        /// <summary>The database.</summary>
        /// <exception cref="FeatureDisabledException">The feature is not on.</exception>
        public DatabaseFeature Database => abi.GetFeature<DatabaseFeature>("Database");
    }
}
