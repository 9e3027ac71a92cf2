using Abi.Database;
using Abi.Database.VectorData.Models;
using Microsoft.Extensions.VectorData;

namespace Abi;

/// <summary>
/// What Abi's databases have and Microsoft.Extensions.VectorData has no words for, asked for in a <see cref="VectorStoreCollectionDefinition"/>. Kept among the property's
/// <see cref="VectorStoreProperty.ProviderAnnotations"/>; other stores take no notice of it.
/// </summary>
public static class AbiVectorStorePropertyExtensions
{
    /// <summary>How words of the text are reduced to stems, when they are searched: see <see cref="DataField.Stemming"/>.</summary>
    /// <param name="property">A text property that is full-text indexed.</param>
    /// <param name="stemming">How.</param>
    /// <returns>The same property.</returns>
    public static VectorStoreDataProperty WithStemming(this VectorStoreDataProperty property, Stemming stemming) => Annotations.Set(property, Annotations.Stemming, stemming);

    /// <summary>What a word found here counts beside those in other properties: see <see cref="DataField.Boost"/>.</summary>
    /// <param name="property">A text property that is full-text indexed.</param>
    /// <param name="boost">Greater than 0; 1 unless it is said.</param>
    /// <returns>The same property.</returns>
    public static VectorStoreDataProperty WithBoost(this VectorStoreDataProperty property, double boost) => Annotations.Set(property, Annotations.Boost, boost);

    /// <summary>Searches walk over one byte an element and compare only the best exactly: see <see cref="VectorField.IsQuantized"/>.</summary>
    /// <param name="property">A property whose vectors have elements of <see cref="float"/>.</param>
    /// <returns>The same property.</returns>
    public static VectorStoreVectorProperty WithQuantization(this VectorStoreVectorProperty property) => Annotations.Set(property, Annotations.IsQuantized, true);

    /// <summary>How the graph of the vectors is made: see <see cref="VectorField.Connections"/> and <see cref="VectorField.ConstructionEffort"/>.</summary>
    /// <param name="property">The property.</param>
    /// <param name="connections">M of the graph, from 2 to 128; 16 unless it is said.</param>
    /// <param name="constructionEffort">efConstruction of the graph, from 8 to 4,096; 200 unless it is said.</param>
    /// <returns>The same property.</returns>
    public static VectorStoreVectorProperty WithGraph(this VectorStoreVectorProperty property, int connections, int constructionEffort) =>
        Annotations.Set(Annotations.Set(property, Annotations.Connections, connections), Annotations.ConstructionEffort, constructionEffort);
}
