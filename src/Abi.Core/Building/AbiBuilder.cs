using System.ComponentModel;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Abi;

/// <summary>
/// Collects features and makes an <see cref="AbiFramework"/> of them. It is a view on an <see cref="IServiceCollection"/>: its own after
/// <see cref="Create"/>, the host's inside <c>services.AddAbi(abi => …)</c>; the registrations are the same.
/// </summary>
/// <remarks>Not safe to use from several threads.</remarks>
public sealed class AbiBuilder
{
    private readonly FeatureRegistry _registry;
    private readonly bool _hosted;

    internal AbiBuilder(IServiceCollection services, bool hosted)
    {
        Services = services;
        _hosted = hosted;
        _registry = CoreServices.AddTo(services);
    }

    /// <summary>The services that the framework is made of. Add logging, a <see cref="TimeProvider"/> or services of your own here.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Begins a framework with a container of its own.</summary>
    public static AbiBuilder Create() => new(new ServiceCollection(), hosted: false);

    /// <summary>Takes the section <c>Abi</c> of this configuration instead of the container's <see cref="IConfiguration"/>.</summary>
    public AbiBuilder UseConfiguration(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Services.RemoveAll<ConfigurationChoice>();
        Services.AddSingleton(new ConfigurationChoice(configuration));
        return this;
    }

    /// <summary>Adds a feature; for the <c>AddX</c> method of the feature's assembly. Adding a feature again only adds to its options.</summary>
    /// <param name="definition">What the feature is.</param>
    /// <param name="configure">Sets options after all other sources: code defaults, configuration and variables come before it.</param>
    /// <returns>This builder.</returns>
    public AbiBuilder AddFeature<TFeature, TOptions>(FeatureDefinition<TFeature, TOptions> definition, Action<TOptions>? configure = null)
        where TFeature : class, IAbiFeature
        where TOptions : class, new()
    {
        ArgumentNullException.ThrowIfNull(definition);
        if (!_registry.Contains(definition.Name))
        {
            _registry.Add(new FeatureRegistration(definition.Name, typeof(TFeature), definition.DependsOn, definition.StartsAfter));
            Services.AddOptions<TOptions>();
            Services.AddSingleton(services => new FeatureOptionsSetup<TFeature, TOptions>(definition, services.GetRequiredService<AbiConfiguration>()));
            Services.AddSingleton<IConfigureOptions<TOptions>>(services => services.GetRequiredService<FeatureOptionsSetup<TFeature, TOptions>>());
            Services.AddSingleton<IValidateOptions<TOptions>>(services => services.GetRequiredService<FeatureOptionsSetup<TFeature, TOptions>>());
            Services.AddSingleton(services =>
            {
                var states = services.GetRequiredService<FeatureStates>();
                return states.IsOn(definition.Name)
                    ? definition.Create(services, services.GetRequiredService<IOptions<TOptions>>().Value)
                    : throw states.Disabled(definition.Name);
            });
        }

        if (configure is not null)
        {
            Services.Configure(configure);
        }

        return this;
    }

    /// <summary>Records that a feature was compiled out: what <c>AddX</c> does in the feature's stub.</summary>
    /// <param name="feature">The feature's name.</param>
    /// <param name="property">The MSBuild property that brings it back.</param>
    /// <returns>This builder.</returns>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public AbiBuilder AddCompiledOut(string feature, string property)
    {
        ArgumentException.ThrowIfNullOrEmpty(feature);
        ArgumentException.ThrowIfNullOrEmpty(property);
        _registry.AddCompiledOut(feature, property);
        return this;
    }

    /// <summary>Makes the framework and starts it. May be called again: each call makes another framework with a container of its own.</summary>
    /// <exception cref="AbiOptionsException">Options are wrong; the message names the keys.</exception>
    /// <exception cref="FeatureDependencyException">A feature needs one that is not there.</exception>
    /// <exception cref="InvalidOperationException">The builder belongs to a host, which builds and starts the framework itself.</exception>
    /// <remarks>When a feature fails to start, all others are stopped, everything is disposed, and the feature's own exception is thrown.</remarks>
    public async Task<AbiFramework> BuildAsync(CancellationToken cancellationToken = default)
    {
        if (_hosted)
        {
            throw new InvalidOperationException($"This builder adds to a host's services: the host makes and starts {nameof(AbiFramework)}. Inject it instead.");
        }

        var provider = Services.BuildServiceProvider();
        ILogger logger = NullLogger.Instance;
        try
        {
            logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger(LifecycleLog.Category);
            var framework = provider.GetRequiredService<AbiFramework>();
            framework.Own(provider);
            await framework.StartAsync(cancellationToken).ConfigureAwait(false);
            return framework;
        }
        catch
        {
            try
            {
                await provider.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                // What went wrong at the start is what the caller hears of.
                LifecycleLog.DisposeFailed(logger, error);
            }

            throw;
        }
    }
}
