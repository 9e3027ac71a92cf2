using Abi.Compute.Graphs;
using static Abi.Compute.Graphs.RopePairing;

namespace Abi.Llm.Models;

/// <summary>Encoders, and encoders with a decoder behind them.</summary>
internal static partial class ArchitectureTable
{
    private static Architecture[] Encoders() =>
    [
        new("bert") { Machine = ModelMachine.Bert, Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("eurobert") { Machine = ModelMachine.PreNormEncoder, Ignored = ["attn_output.bias"] },
        new("gemma-embedding") { Machine = ModelMachine.PreNormEncoder, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 6, SlidingRopeBase = 10000 },
        new("jina-bert-v2") { Machine = ModelMachine.Bert, Norm = NormKind.Layer, Rope = null, AlibiMaxBias = 8, Activation = ActivationKind.Gelu, Gate = GateKind.GeGlu },
        new("jina-bert-v3") { Machine = ModelMachine.Bert, Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("llama-embed") { Machine = ModelMachine.PreNormEncoder, ReadsCausal = true, ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("modern-bert") { Machine = ModelMachine.PreNormEncoder, Norm = NormKind.Layer, Gate = GateKind.GeGlu, FusedGateAndUp = true, SlidingRopeBase = 10000, SlidingPeriod = 3, SlidingPeriodStartsFull = true },
        new("neo-bert") { Machine = ModelMachine.PreNormEncoder, Rope = Neighbours, FusedGateAndUp = true, FinalNorm = "enc.output_norm" },
        new("nomic-bert") { Machine = ModelMachine.Bert, Norm = NormKind.Layer },
        new("nomic-bert-moe") { Machine = ModelMachine.Bert, Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("t5") { Machine = ModelMachine.T5, Rope = null },
        new("t5encoder") { Machine = ModelMachine.T5Encoder, Rope = null },
    ];
}
