using Microsoft.Extensions.DependencyInjection;

namespace Abi;

/// <summary>A feature as added to one service collection: its definition without the type parameters.</summary>
internal sealed record FeatureRegistration(string Name, Type FeatureType, IReadOnlyList<string> DependsOn, IReadOnlyList<string> StartsAfter)
{
    internal IAbiFeature Resolve(IServiceProvider services) => (IAbiFeature)services.GetRequiredService(FeatureType);
}
