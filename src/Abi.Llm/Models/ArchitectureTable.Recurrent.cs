using Abi.Compute.Graphs;
using static Abi.Compute.Graphs.RopePairing;

namespace Abi.Llm.Models;

/// <summary>Architectures whose blocks keep recurrent state, some of them beside attention.</summary>
internal static partial class ArchitectureTable
{
    private static Architecture[] Recurrent() =>
    [
        new("arwkv7") { Rope = null },
        new("falcon-h1") { IgnoresAttentionOutputBias = true },
        new("granitehybrid") { Rope = Neighbours, DividesLogits = true, RotatesIfFinetuned = true, IgnoresExpertNormKey = true },
        new("jamba") { Rope = null, IgnoresExpertNormKey = true, IgnoresAttentionOutputBias = true, NormalizesExperts = false },
        new("kimi-linear") { Rope = null, IgnoresExpertNormKey = true, Unscaled = ["attn_q", "attn_k", "attn_v", "ssm_", "output."] },
        new("lfm2") { IgnoresAttentionOutputBias = true, FinalNorm = "token_embd_norm", SlidingPeriod = 0 },
        new("lfm2moe") { IgnoresExpertNormKey = true, IgnoresAttentionOutputBias = true, FinalNorm = "token_embd_norm", SlidingPeriod = 0 },
        new("mamba") { Rope = null, HasSinglePartBlocks = true },
        new("mamba2") { Rope = null, HasSinglePartBlocks = true },
        new("nemotron_h") { Rope = null, HasSinglePartBlocks = true, Activation = ActivationKind.ReluSquared, ScalesFeedForward = true },
        new("nemotron_h_moe") { Rope = null, NormalizesExperts = false, HasSinglePartBlocks = true, Activation = ActivationKind.ReluSquared, Score = RouteScore.Sigmoid, ScalesFeedForward = true },
        new("plamo2") { FusedGateAndUp = true, ProjectsScanParameters = true, Unscaled = ["attn_qkv", "ssm_"] },
        new("qwen35") { NormsBetweenParts = true, GatesAttention = true, ScalesFeedForward = true },
        new("qwen35moe") { NormsBetweenParts = true, GatesAttention = true, ScalesFeedForward = true, ScalesExperts = true, IgnoresExpertNormKey = true },
        new("qwen3next") { NormsBetweenParts = true, GatesAttention = true, ScalesFeedForward = true, ScalesExperts = true, IgnoresExpertNormKey = true, Unscaled = ["attn_qkv", "attn_gate", "ssm_"] },
        new("rwkv6") { Norm = NormKind.Layer, Rope = null },
        new("rwkv6qwen2") { Rope = null },
        new("rwkv7") { Norm = NormKind.Layer, Rope = null },
    ];
}
