using System.Collections.Immutable;
using Abi.Compute.Adapters;
using Abi.Compute.Devices;
using Abi.Compute.Hooks;
using Abi.Llm.Activations;
using Abi.Llm.Adapters;

namespace Abi.Llm.Engine;

/// <summary>Requests whose model is changed by adapters or looked into by hooks: steps with any of them run a plan with a place for changes behind every product, or for calls.</summary>
public sealed partial class InferenceEngine
{
    private StepPlan? _adaptedPlan; // made at the first use
    private StepPlan? _hookedPlan;  // the same, with places for adapters too
    private AdapterTargets? _targets;

    private LoweringOptions Lowering => new()
    {
        Activations = Options.Activations,
        MaximumRows = Options.MaximumRows,
        MaximumOutputs = Math.Min(_maximumOutputs, Options.MaximumRows),
        MaximumSequences = Options.MaximumSequences,
        Repack = Options.Repack,
        Logger = _logger,
    };

    private StepPlan AdaptedPlan()
    {
        if (_adaptedPlan is null)
        {
            var plan = _device.Lower(AdaptedGraph.Create(Definition.DecoderGraph!), Lowering);
            lock (_gate)
            {
                _adaptedPlan = plan;
            }
        }

        return _adaptedPlan;
    }

    private StepPlan HookedPlan()
    {
        if (_hookedPlan is null)
        {
            var plan = _device.Lower(HookedGraph.Create(AdaptedGraph.Create(Definition.EveryRowGraph()!)), Lowering);
            lock (_gate)
            {
                _hookedPlan = plan;
            }
        }

        return _hookedPlan;
    }

    private void UseAdapters(Sequence sequence, ImmutableArray<AdapterUse> uses, ImmutableArray<IActivationHook> hooks = default, ImmutableArray<ControlVectorUse> vectors = default)
    {
        if (!uses.IsDefaultOrEmpty)
        {
            _targets ??= AdapterTargets.Of(Definition.DecoderGraph ?? throw CannotGenerate());
        }

        var adapters = AppliedAdapters.Hold(uses, weight => _targets!.Owns(weight), RequestHooks.Create(hooks, vectors, Definition.DecoderGraph!, Definition.Architecture));
        if (sequence.UseAdapters(adapters) && !sequence.IsTemporary)
        {
            Post(sequence.DropState); // also when there is none yet: a fork may be about to get it
        }
    }
}
