using System.Collections.Immutable;
using Abi.Compute.Adapters;
using Abi.Compute.Devices;
using Abi.Llm.Adapters;

namespace Abi.Llm.Engine;

/// <summary>Requests whose model is changed by adapters: steps with any of them run a plan with a place for changes behind every product.</summary>
public sealed partial class InferenceEngine
{
    private StepPlan? _adaptedPlan; // made at the first use
    private AdapterTargets? _targets;

    private LoweringOptions Lowering => new()
    {
        Activations = Options.Activations,
        MaximumRows = Options.MaximumRows,
        MaximumOutputs = Math.Min(_maximumOutputs, Options.MaximumRows),
        MaximumSequences = Options.MaximumSequences,
        Repack = Options.Repack,
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

    private void UseAdapters(Sequence sequence, ImmutableArray<AdapterUse> uses)
    {
        if (!uses.IsDefaultOrEmpty)
        {
            _targets ??= AdapterTargets.Of(Definition.DecoderGraph ?? throw CannotGenerate());
        }

        var adapters = AppliedAdapters.Hold(uses, weight => _targets!.Owns(weight));
        if (sequence.UseAdapters(adapters) && sequence.Cached > 0)
        {
            Post(sequence.DropState);
        }
    }
}
