using System.Globalization;
using System.Runtime.InteropServices;
using Abi.Compute.Graphs;

namespace Abi.Llm;

/// <summary>A place in a model at which hidden states can be looked at.</summary>
/// <param name="Kind">What is there.</param>
/// <param name="Layer">The layer, from 0; −1 where it is no layer's output.</param>
/// <param name="Width">The floats of a hidden state.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ActivationPoint(ActivationPointKind Kind, int Layer, int Width)
{
    internal const string EmbeddingsName = "embeddings";
    internal const string FinalNormName = "final_norm";
    private const string LayerPrefix = "layers.";

    internal static string LayerName(int layer) => $"{LayerPrefix}{layer}";

    internal static ActivationPoint Of(GraphPoint point) => point.Name switch
    {
        EmbeddingsName => new(ActivationPointKind.Embeddings, -1, point.Value.Width),
        FinalNormName => new(ActivationPointKind.FinalNorm, -1, point.Value.Width),
        _ => new(ActivationPointKind.LayerOutput, int.Parse(point.Name.AsSpan(LayerPrefix.Length), CultureInfo.InvariantCulture), point.Value.Width),
    };
}
