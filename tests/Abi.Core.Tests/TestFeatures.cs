#pragma warning disable MA0048 // Three features that differ only by name.
using Microsoft.Extensions.DependencyInjection;

namespace Abi.Core.Tests;

public sealed class Alpha(TestOptions options, List<string> journal) : TestFeature("Alpha", options, journal);

public sealed class Beta(TestOptions options, List<string> journal) : TestFeature("Beta", options, journal);

public sealed class Gamma(TestOptions options, List<string> journal) : TestFeature("Gamma", options, journal);

public sealed class AlphaOptions : TestOptions;

public sealed class BetaOptions : TestOptions;

public sealed class GammaOptions : TestOptions;

/// <summary>How the assemblies of three features would extend Abi: Beta needs Alpha, Gamma needs Beta.</summary>
public static class TestFeatures
{
    public static AbiBuilder AddAlpha(this AbiBuilder builder, Action<AlphaOptions>? configure = null) =>
        builder.AddFeature(TestFeature.Define<Alpha, AlphaOptions>("Alpha", options => new Alpha(options, builder.Journal())), configure);

    public static AbiBuilder AddBeta(this AbiBuilder builder, Action<BetaOptions>? configure = null) =>
        builder.AddFeature(TestFeature.Define<Beta, BetaOptions>("Beta", options => new Beta(options, builder.Journal()), ["Alpha"]), configure);

    public static AbiBuilder AddGamma(this AbiBuilder builder, Action<GammaOptions>? configure = null) =>
        builder.AddFeature(TestFeature.Define<Gamma, GammaOptions>("Gamma", options => new Gamma(options, builder.Journal()), ["Beta"]), configure);

    extension(AbiFramework abi)
    {
        public Alpha Alpha => abi.GetFeature<Alpha>("Alpha");

        public Beta Beta => abi.GetFeature<Beta>("Beta");
    }

    /// <summary>One list a service collection.</summary>
    public static List<string> Journal(this AbiBuilder builder)
    {
        if (builder.Services.FirstOrDefault(service => service.ServiceType == typeof(List<string>))?.ImplementationInstance is List<string> journal)
        {
            return journal;
        }

        journal = [];
        builder.Services.AddSingleton(journal);
        return journal;
    }
}
