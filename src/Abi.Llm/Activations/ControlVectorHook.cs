using System.Numerics.Tensors;

namespace Abi.Llm.Activations;

/// <summary>Adds a control vector's directions.</summary>
internal sealed class ControlVectorHook(ControlVectorUse use) : IActivationHook
{
    public ControlVectorUse Use => use;

    public bool Observes(ActivationPoint point) =>
        point.Kind == ActivationPointKind.LayerOutput && point.Layer >= use.FirstLayer && point.Layer <= (use.LastLayer ?? int.MaxValue) && use.Vector.TryGet(point.Layer, out _);

    public void Process(ActivationPoint point, int position, Span<float> hiddenState)
    {
        use.Vector.TryGet(point.Layer, out var direction);
        TensorPrimitives.MultiplyAdd(direction, use.Scale, hiddenState, hiddenState);
    }
}
