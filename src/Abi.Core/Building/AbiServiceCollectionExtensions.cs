using Abi;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Abi to a host.</summary>
public static class AbiServiceCollectionExtensions
{
    /// <summary>
    /// Adds features to the services of a host, which starts them with itself and stops them in reverse. <see cref="AbiFramework"/>, the features
    /// and what they register can be injected. May be called several times; all calls add to one framework.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Adds features: <c>abi => abi.AddLlm()</c>.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAbi(this IServiceCollection services, Action<AbiBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        configure(new AbiBuilder(services, hosted: true));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, AbiHostedService>());
        return services;
    }
}
