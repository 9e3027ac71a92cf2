using Microsoft.Extensions.Configuration;

namespace Abi;

/// <summary>All that the framework must know of a feature before it exists. A feature's assembly has one and hands it to <see cref="AbiBuilder.AddFeature{TFeature, TOptions}"/>.</summary>
/// <typeparam name="TFeature">The feature's public type: the singleton that <c>abi.X</c> returns and that can be injected.</typeparam>
/// <typeparam name="TOptions">Its options, with code defaults as property initialisers.</typeparam>
/// <remarks>Immutable; its functions are called by one thread at a time.</remarks>
public sealed class FeatureDefinition<TFeature, TOptions>
    where TFeature : class, IAbiFeature
    where TOptions : class, new()
{
    /// <summary>The name: <c>abi.Name</c>, <c>AddName</c>, configuration section <c>Abi:Name</c>, variables <c>ABI_NAME_*</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Makes the feature. Called once, when the framework is created; resolves what it needs from the container (never <see cref="AbiFramework"/> itself) and does no work yet.</summary>
    public required Func<IServiceProvider, TOptions, TFeature> Create { get; init; }

    /// <summary>Sets the options from configuration: <c>static (section, options) => section.Bind(options)</c>, with the configuration-binding source generator on.</summary>
    public required Action<IConfigurationSection, TOptions> Bind { get; init; }

    /// <summary>Checks the options once all sources have been applied.</summary>
    public Action<TOptions, OptionsCheck>? Validate { get; init; }

    /// <summary>Names of features that must be on and are started before this one.</summary>
    public IReadOnlyList<string> DependsOn { get; init; } = [];

    /// <summary>Names of features that are started before this one if they are on.</summary>
    public IReadOnlyList<string> StartsAfter { get; init; } = [];
}
