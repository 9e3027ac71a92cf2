using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Abi;

/// <summary>The registrations that every framework has, whoever owns the container.</summary>
internal static class CoreServices
{
    /// <summary>Adds them unless they are there, and returns the collection's registry.</summary>
    internal static FeatureRegistry AddTo(IServiceCollection services)
    {
        var existing = services.FirstOrDefault(service => service.ServiceType == typeof(FeatureRegistry) && !service.IsKeyedService);
        if (existing?.ImplementationInstance is FeatureRegistry present)
        {
            return present;
        }

        var registry = new FeatureRegistry();
        services.AddLogging();
        services.AddOptions();
        services.AddSingleton(registry);
        services.TryAddSingleton(static provider => new AbiConfiguration(
            provider.GetService<ConfigurationChoice>()?.Configuration ?? provider.GetService<IConfiguration>(),
            Environment.GetEnvironmentVariables()));
        services.AddSingleton(static provider => new FeatureStates(provider.GetRequiredService<FeatureRegistry>(), provider.GetRequiredService<AbiConfiguration>()));
        services.AddSingleton(static provider => new AbiFramework(provider));
        return registry;
    }
}
