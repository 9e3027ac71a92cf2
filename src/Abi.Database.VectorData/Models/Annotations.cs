using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace Abi.Database.VectorData.Models;

/// <summary>The database's own among what definitions say of properties.</summary>
internal static class Annotations
{
    public const string Stemming = "Abi:Stemming";
    public const string Boost = "Abi:Boost";
    public const string IsQuantized = "Abi:IsQuantized";
    public const string Connections = "Abi:Connections";
    public const string ConstructionEffort = "Abi:ConstructionEffort";

    /// <summary>Says something of a property.</summary>
    public static TProperty Set<TProperty>(TProperty property, string key, object value)
        where TProperty : VectorStoreProperty
    {
        ArgumentNullException.ThrowIfNull(property);
        (property.ProviderAnnotations ??= new(StringComparer.Ordinal))[key] = value;
        return property;
    }

    /// <summary>What is said of a property, or else <paramref name="usual"/>.</summary>
    /// <exception cref="InvalidOperationException">It is of another type.</exception>
    public static T Read<T>(PropertyModel property, string key, T usual)
        where T : struct => property.ProviderAnnotations?.GetValueOrDefault(key) switch
    {
        null => usual,
        T value => value,
        var other => throw new InvalidOperationException($"The annotation '{key}' of the property '{property.ModelName}' is '{other}' ({other.GetType().Name}); a {typeof(T).Name} was expected. {nameof(AbiVectorStorePropertyExtensions)} sets it."),
    };
}
