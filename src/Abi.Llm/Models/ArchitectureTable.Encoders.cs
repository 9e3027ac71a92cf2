using Abi.Compute.Graphs;
using static Abi.Compute.Graphs.RopePairing;

namespace Abi.Llm.Models;

/// <summary>Encoders, and encoders with a decoder behind them.</summary>
internal static partial class ArchitectureTable
{
    private static Architecture[] Encoders() =>
    [
        new("bert") { Machine = ModelMachine.Bert, Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("t5") { Machine = ModelMachine.T5, Rope = null },
    ];
}
