using System.Collections.Immutable;
using System.Globalization;
using Abi.Compute.Adapters;
using Abi.Compute.Tensors;
using Abi.Llm.Activations;

namespace Abi.Llm.Adapters;

/// <summary>What makes one sequence's model another than the model itself: adapters, held as long as it uses them, and hooks.</summary>
internal sealed class AppliedAdapters : IDisposable
{
    private readonly ImmutableArray<AdapterUse> _uses;
    private int _holders = 1;

    private AppliedAdapters(ImmutableArray<AdapterUse> uses, RequestHooks? hooks)
    {
        _uses = uses;
        Hooks = hooks;
        Key = string.Join(',', uses.Select(use => string.Create(CultureInfo.InvariantCulture, $"{use.Adapter.Id}:{use.Scale:R}"))) + (hooks is null ? string.Empty : $"; {hooks.Key}");
        Set = uses.IsEmpty ? null : new AdapterSet(uses
            .SelectMany(use => use.Adapter.Changes.Select(change => (Weight: change.Key, Change: change.Value with { Scale = change.Value.Scale * use.Scale })))
            .GroupBy(change => change.Weight)
            .ToDictionary(group => group.Key, group => group.Select(change => change.Change).ToImmutableArray()));
    }

    /// <summary>Tells sets apart whose state differs.</summary>
    public string Key { get; }

    /// <summary>The adapters' changes; null without adapters.</summary>
    public AdapterSet? Set { get; }

    /// <summary>The hooks; null for none.</summary>
    public RequestHooks? Hooks { get; }

    /// <summary>Holds the adapters; null for none.</summary>
    /// <exception cref="ObjectDisposedException">One of them is disposed of.</exception>
    /// <exception cref="ArgumentException">One belongs to another model, or a scale is not finite.</exception>
    public static AppliedAdapters? Hold(ImmutableArray<AdapterUse> uses, Func<WeightTensor, bool> isOurs, RequestHooks? hooks = null)
    {
        uses = uses.IsDefault ? [] : uses;
        if (uses.IsEmpty && hooks is null)
        {
            return null;
        }

        foreach (var use in uses)
        {
            if (use.Adapter is null || !use.Adapter.Changes.Keys.All(isOurs))
            {
                throw new ArgumentException($"The adapter '{use.Adapter?.Path}' was not loaded by this model.", nameof(uses));
            }

            if (!float.IsFinite(use.Scale))
            {
                throw new ArgumentException($"The scale of the adapter '{use.Adapter.Path}' is {use.Scale}; it must be a finite number.", nameof(uses));
            }
        }

        var held = 0;
        try
        {
            for (; held < uses.Length; held++)
            {
                uses[held].Adapter.Acquire();
            }

            return new AppliedAdapters(uses, hooks);
        }
        catch
        {
            foreach (var use in uses.AsSpan()[..held])
            {
                use.Adapter.Release();
            }

            throw;
        }
    }

    /// <summary>The same for one more sequence, also after an adapter was disposed of; each that holds it disposes of it once.</summary>
    public AppliedAdapters Share()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            foreach (var use in _uses)
            {
                use.Adapter.Release();
            }
        }
    }
}
