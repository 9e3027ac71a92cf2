using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using Abi.Compute.Graphs;
using Abi.Compute.Hooks;

namespace Abi.Llm.Activations;

/// <summary>The hooks of one request, in order. The first exception ends their calls, and the request after the step.</summary>
internal sealed class RequestHooks : IRowHook
{
    private static readonly ConditionalWeakTable<IActivationHook, object> Numbers = [];
    private static int _lastNumber;
    private readonly FrozenDictionary<string, (ActivationPoint Point, ImmutableArray<IActivationHook> Hooks)> _points;

    private RequestHooks(ImmutableArray<IActivationHook> hooks, Graph graph)
    {
        Key = string.Join(',', hooks.Select(KeyOf));
        _points = graph.Points
            .Select(point => (point.Name, Point: ActivationPoint.Of(point)))
            .Select(entry => (entry.Name, entry.Point, Hooks: hooks.Where(hook => hook.Observes(entry.Point)).ToImmutableArray()))
            .Where(entry => entry.Hooks.Length > 0)
            .ToFrozenDictionary(entry => entry.Name, entry => (entry.Point, entry.Hooks), StringComparer.Ordinal);
    }

    /// <summary>Tells hooks apart: the same objects in the same order have the same key.</summary>
    public string Key { get; }

    /// <summary>What one of them threw.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The hooks and control vectors of a request; null for none.</summary>
    /// <exception cref="ArgumentException">A control vector does not fit the model.</exception>
    /// <exception cref="UnsupportedModelException">The model has no places for hooks.</exception>
    public static RequestHooks? Create(ImmutableArray<IActivationHook> hooks, ImmutableArray<ControlVectorUse> vectors, Graph graph, string architecture)
    {
        if (hooks.IsDefaultOrEmpty && vectors.IsDefaultOrEmpty)
        {
            return null;
        }

        if (graph.Points.IsEmpty)
        {
            throw new UnsupportedModelException($"A model of architecture '{architecture}' is not a decoder: hooks and control vectors are for decoders only.");
        }

        var width = graph.Points[0].Value.Width;
        foreach (var use in vectors.IsDefault ? [] : vectors)
        {
            if (use?.Vector is null || use.Vector.Width != width || !float.IsFinite(use.Scale))
            {
                throw new ArgumentException($"The control vector has {use?.Vector?.Width} floats and the scale {use?.Scale}; the model's hidden states have {width}, and the scale must be a finite number.", nameof(vectors));
            }
        }

        return new RequestHooks([.. vectors.IsDefault ? [] : vectors.Select(use => new ControlVectorHook(use)), .. hooks.IsDefault ? [] : hooks], graph);
    }

    public bool Observes(GraphPoint point) => Failure is null && _points.ContainsKey(point.Name);

    public void Process(GraphPoint point, int position, Span<float> row)
    {
        if (Failure is not null)
        {
            return;
        }

        var (where, hooks) = _points[point.Name];
        try
        {
            foreach (var hook in hooks)
            {
                hook.Process(where, position, row);
            }
        }
        catch (Exception exception)
        {
            Failure = exception; // others in the step go on; the request ends with it
        }
    }

    private static string KeyOf(IActivationHook hook) => hook is ControlVectorHook { Use: var use }
        ? string.Create(CultureInfo.InvariantCulture, $"vector {use.Vector.Id}:{use.Scale:R}:{use.FirstLayer}:{use.LastLayer}")
        : string.Create(CultureInfo.InvariantCulture, $"hook {Numbers.GetValue(hook, static _ => Interlocked.Increment(ref _lastNumber))}");
}
