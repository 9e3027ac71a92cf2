using Abi.Compute.Graphs;
using static Abi.Compute.Graphs.RopePairing;

namespace Abi.Llm.Models;

/// <summary>Architectures whose blocks keep recurrent state, some of them beside attention.</summary>
internal static partial class ArchitectureTable
{
    private static Architecture[] Recurrent() =>
    [
        new("arwkv7") { Rope = null },
        new("bailingmoe3") { Reads = ["expert_weights_scale", "kda.gate_lower_bound"], ReadsRopeSections = true, Rope = Neighbours, Limit = GateLimit.BehindFunction, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, Unscaled = ["attn_", "ssm_", "output."] },
        new("falcon-h1") { Ignored = ["attn_output.bias", "rope_freqs.weight"] },
        new("granitehybrid") { Reads = GraniteScales, Rope = Neighbours, DividesLogits = true, RotatesIfFinetuned = true },
        new("jamba") { Rope = null, Ignored = ["attn_output.bias"], NormalizesExperts = false },
        new("kimi-linear") { Reads = ["expert_weights_scale"], Rope = null, ReadsExpertGating = true, Unscaled = ["attn_q", "attn_k", "attn_v", "ssm_", "output."] },
        new("lfm2") { Ignored = ["attn_output.bias"], FinalNorm = "token_embd_norm", SlidingPeriod = 0 },
        new("lfm2moe") { ReadsExpertGating = true, Ignored = ["attn_output.bias"], FinalNorm = "token_embd_norm", SlidingPeriod = 0 },
        new("mamba") { Rope = null, HasSinglePartBlocks = true },
        new("mamba2") { Rope = null, HasSinglePartBlocks = true },
        new("nemotron_h") { Rope = null, HasSinglePartBlocks = true, Activation = ActivationKind.ReluSquared, ScalesFeedForward = true },
        new("nemotron_h_moe") { Reads = ["expert_weights_scale"], Rope = null, ReadsExpertNorm = true, NormalizesExperts = false, HasSinglePartBlocks = true, Activation = ActivationKind.ReluSquared, Score = RouteScore.Sigmoid, ScalesFeedForward = true },
        new("plamo2") { FusedGateAndUp = true, ProjectsScanParameters = true, Unscaled = ["attn_qkv", "ssm_"] },
        new("qwen35") { ReadsRopeSections = true, InterleavesRopeSections = true, FeedForwardNorm = "post_attention_norm", GatesAttention = true, ScalesFeedForward = true },
        new("qwen35moe") { ReadsRopeSections = true, InterleavesRopeSections = true, FeedForwardNorm = "post_attention_norm", GatesAttention = true, ScalesFeedForward = true, ScalesExperts = true },
        new("qwen3next") { FeedForwardNorm = "post_attention_norm", GatesAttention = true, ScalesFeedForward = true, ScalesExperts = true, Unscaled = ["attn_qkv", "attn_gate", "ssm_"] },
        new("rwkv6") { Norm = NormKind.Layer, Rope = null },
        new("rwkv6qwen2") { Rope = null },
        new("rwkv7") { Norm = NormKind.Layer, Rope = null },
    ];
}
