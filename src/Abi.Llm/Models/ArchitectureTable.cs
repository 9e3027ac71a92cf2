using System.Collections.Frozen;
using System.Collections.Immutable;
using Abi.Compute.Graphs;
using static Abi.Compute.Graphs.RopePairing;

namespace Abi.Llm.Models;

/// <summary>The architectures, a line each, by the value of <c>general.architecture</c>: the decoders here, those that keep recurrent state and the encoders in files of their own.</summary>
internal static partial class ArchitectureTable
{
    private static readonly FrozenDictionary<string, Architecture> Entries = Decoders().Concat(Recurrent()).Concat(Encoders()).ToFrozenDictionary(entry => entry.Name, StringComparer.Ordinal);

    /// <summary>The names, in order.</summary>
    public static IEnumerable<string> Names => Entries.Keys.Order(StringComparer.Ordinal);

    /// <summary>The line of an architecture, or null.</summary>
    public static Architecture? Find(string name) => Entries.GetValueOrDefault(name);

    /// <summary>Grok's numbers where a file does not hold them.</summary>
    private static ImmutableDictionary<string, float> GrokDefaults => ImmutableDictionary.CreateRange(StringComparer.Ordinal,
    [
        KeyValuePair.Create("logit_scale", 0.5773502691896257f),
        KeyValuePair.Create("embedding_scale", 78.38367176906169f),
        KeyValuePair.Create("attention.output_scale", 0.08838834764831845f),
        KeyValuePair.Create("attn_logit_softcapping", 30f),
        KeyValuePair.Create("rope.scaling.yarn_beta_fast", 8f),
    ]);

    private static Architecture[] Decoders() =>
    [
        new("afmoe") { Unscaled = ["attn_gate"], ScalesEmbeddingByWidth = true, SlidingPeriod = 4, ReadsSlidingRopeBase = true, NoRopeInterval = 4, Score = RouteScore.Sigmoid, ReadsExpertGating = true, ReadsExpertNorm = true, NormalizesExperts = false },
        new("arcee") { Rope = Neighbours, Activation = ActivationKind.ReluSquared },
        new("arctic") { Rope = Neighbours, ExpertsReadBlockInput = true, Ignored = ["attn_output.bias"] },
        new("baichuan") { Rope = Neighbours },
        new("bailingmoe") { Rope = Neighbours, ReadsExpertNorm = true, NormalizesExperts = false },
        new("bailingmoe2") { ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("bloom") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu, AlibiMaxBias = 8 },
        new("chatglm") { Rope = Neighbours, FusedGateAndUp = true },
        new("codeshell") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("cogvlm") { Ignored = ["rope_freqs.weight"], Unscaled = ["attn_qkv"] },
        new("cohere2") { ScalesFeedForward = true, Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel, SlidingPeriod = 4, RotatesOnlySliding = true },
        new("cohere2moe") { ScalesExperts = true, Norm = NormKind.ByEpsilon, Rope = Neighbours, Residual = ResidualKind.Parallel, SlidingPeriod = 4, SlidingPeriodStartsFull = true, RotatesOnlySliding = true, RotatesDenseLead = true, Score = RouteScore.Sigmoid, ReadsExpertGating = true, ReadsExpertNorm = true, NormalizesExperts = false, SharedExpertScale = 0.5f, ScalesFeedForward = true },
        new("command-r") { Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel },
        new("dbrx") { Norm = NormKind.Layer, FeedForwardNorm = "attn_output_norm", Ignored = ["attn_output.bias"] },
        new("deci") { Rope = Neighbours },
        new("deepseek") { Rope = Neighbours, NormalizesExperts = false },
        new("deepseek2") { MagnifiesLatentScores = true, YarnMultiplierScale = 10, Temperature = QueryTemperature.ByKey, Rope = Neighbours, NormalizesExperts = false, ReadsExpertNorm = true, ReadsExpertGating = true },
        new("dots1") { ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("dream") { IsBidirectional = true, Ignored = ["output.bias"] },
        new("ernie4_5") { Rope = Neighbours, Ignored = ["attn_output.bias"] },
        new("ernie4_5-moe") { Rope = Neighbours, Ignored = ["attn_output.bias"] },
        new("exaone"),
        new("exaone-moe") { SlidingPeriod = 4, RotatesOnlySliding = true, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("exaone4") { SlidingPeriod = 4, SlidingBlockCount = 64, RotatesOnlySliding = true, Ignored = ["attn_output.bias"] },
        new("falcon") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("gemma") { ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu },
        new("gemma2") { CapsScores = true, CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 2, ReadsSlidingRopeBase = true },
        new("gemma3") { CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 6, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled },
        new("glm4") { ReadsRopeSections = true, Rope = Neighbours, FusedGateAndUp = true },
        new("glm4moe") { ReadsRopeSections = true, FeedForwardNorm = "post_attention_norm", Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("gpt-oss") { SlidingPeriod = 2, ReadsSlidingRopeBase = true, FeedForwardNorm = "post_attention_norm", Score = RouteScore.SoftmaxOfChosen, NormalizesExperts = false, ExpertGate = GateKind.SwiGluOai },
        new("gpt2") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("gptneox") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.ByKey },
        new("granite") { RotatesIfFinetuned = true, Rope = Neighbours, DividesLogits = true },
        new("granite_swa") { Rope = Neighbours, DividesLogits = true, SlidingPeriod = 0, FusedGateAndUp = true },
        new("granitemoe") { RotatesIfFinetuned = true, Rope = Neighbours, DividesLogits = true },
        new("grok") { PostAttentionNorm = "attn_output_norm", PostFeedForwardNorm = "layer_output_norm", CapsScores = true, ReadsScoreScale = true, Gate = GateKind.GeGlu, ExpertGate = GateKind.GeGlu, DenseBesideExperts = 0.70710678f, CapsLogits = true, Defaults = GrokDefaults },
        new("hunyuan-dense") { QueryKeyNormAfterRope = true },
        new("hunyuan-moe") { QueryKeyNormAfterRope = true },
        new("hunyuan_vl") { QueryKeyNormAfterRope = true, ReadsRopeSections = true },
        new("hy_v3") { ScalesExperts = true, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, ScalesFeedForward = true },
        new("internlm2") { Rope = Neighbours },
        new("jais") { Norm = NormKind.Layer, Rope = null, ScalesScoresByWidth = true },
        new("jais2") { Norm = NormKind.Layer, Activation = ActivationKind.ReluSquared },
        new("laguna") { Unscaled = ["attn_gate"], SlidingPeriod = 4, SlidingPeriodStartsFull = true, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.None, AttentionGate = ActivationKind.Softplus, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("llada") { Rope = Neighbours, IsBidirectional = true, Ignored = ["attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"] },
        new("llada-moe") { IsBidirectional = true, NormalizesExperts = false, Ignored = ["attn_output.bias"] },
        new("llama") { ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("llama4") { Rope = Neighbours, SlidingPeriod = 4, FixedWindow = 8192, HasChunkedWindow = true, ReadsSlidingRopeBase = true, NoRopeInterval = 4, NormsRotated = true, Temperature = QueryTemperature.WithoutRope, WeighsExpertInput = true, Score = RouteScore.Sigmoid, NormalizesExperts = false },
        new("maincoder") { Rope = Neighbours, QueryKeyNormAfterRope = true },
        new("maple") { SlidingPeriod = 0, RotatesOnlySliding = true, ReadsSlidingRopeBase = true, ClampsExperts = true, Ignored = ["attn_output.bias"] },
        new("mellum") { ScalesExperts = true, SlidingPeriod = 4, SlidingRope = SlidingRopeScaling.None, ScalesFeedForward = true },
        new("mimo2") { Unscaled = ["attn_qkv", "attn_q.", "attn_k.", "attn_v."], SlidingPeriod = 0, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, ScalesAttentionOutput = true, Score = RouteScore.Sigmoid, Ignored = ["attn_output.bias", "attn_qkv.bias", "attn_q.bias", "attn_k.bias", "attn_v.bias"] },
        new("minicpm") { Rope = Neighbours, DividesLogits = true },
        new("minicpm3") { ResidualDepthScale = 1.4f, HeadBaseWidth = 256, EmbeddingScale = 12, LatentRopeHasFactors = true },
        new("minimax-m2") { ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("mistral3") { YarnMultiplierScale = 1, Temperature = QueryTemperature.ByKey, ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("mistral4") { MagnifiesLatentScores = true, YarnMultiplierScale = 10, Rope = Neighbours, NormalizesExperts = false, ReadsExpertNorm = true, ReadsExpertGating = true, Temperature = QueryTemperature.ByKey },
        new("mpt") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("muse-glimmer") { Unscaled = ["attn_gate"], Rope = Neighbours, NormsEmbedding = true, SlidingPeriod = 4, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, RotatesOnlySliding = true, PostNormEpsilon = 1e-8f, CapsLogits = true },
        new("nanbeige") { Rope = Neighbours, ScalesFeedForward = true, Loops = true },
        new("nemotron") { Norm = NormKind.Layer, Activation = ActivationKind.ReluSquared },
        new("olmo") { Norm = NormKind.Layer, HasBareNorms = true, Rope = Neighbours },
        new("olmo2") { SlidingPeriod = 4, SlidingRope = SlidingRopeScaling.None },
        new("olmoe") { NormalizesExperts = false },
        new("openelm") { Unscaled = ["attn_qkv"], Ignored = ["attn_output.bias"] },
        new("orion") { Norm = NormKind.Layer },
        new("paddleocr") { ReadsRopeSections = true },
        new("pangu-embedded"),
        new("phi2") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("phi3") { FusedGateAndUp = true },
        new("phimoe"),
        new("plamo") { Residual = ResidualKind.Parallel, Ignored = ["attn_output.bias"] },
        new("plamo3") { Unscaled = ["attn_qkv"], SlidingPeriod = 8, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, FusedGateAndUp = true, Ignored = ["attn_output.bias"] },
        new("pockettts") { Norm = NormKind.Layer, Rope = Neighbours, Activation = ActivationKind.Gelu, Ignored = ["attn_output.bias"] },
        new("qwen") { FeedForwardDivisor = 2, Ignored = ["attn_output.bias"] },
        new("qwen2"),
        new("qwen2moe") { NormalizesExperts = false },
        new("qwen2vl") { ReadsRopeSections = true, Ignored = ["output.bias"] },
        new("qwen3") { ScalesFeedForward = true },
        new("qwen3moe") { ScalesExperts = true },
        new("qwen3vl") { ReadsRopeSections = true, InterleavesRopeSections = true },
        new("qwen3vlmoe") { ReadsRopeSections = true, InterleavesRopeSections = true },
        new("refact") { Rope = null, AlibiMaxBias = 8, Ignored = ["attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"] },
        new("rnd1") { IsBidirectional = true },
        new("seed_oss") { FeedForwardNorm = "post_attention_norm" },
        new("smallthinker") { SlidingPeriod = 4, SlidingPeriodStartsFull = true, FixedWindow = 4096, ReadsSlidingRopeBase = true, NoRopeInterval = 4, NoRopeStartsFirst = true, RoutesBlockInput = true, ReadsExpertGating = true, ExpertGate = GateKind.ReGlu },
        new("smollm3") { Rope = Neighbours, NoRopeInterval = 4 },
        new("spark2_5") { Unscaled = ["attn_gate"], Gate = GateKind.GeGlu, SlidingPeriod = 0, ReadsSlidingRopeBase = true, Ignored = ["attn_output.bias"] },
        new("stablelm") { Norm = NormKind.Layer, Residual = ResidualKind.ParallelWithoutNorm },
        new("starcoder") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("starcoder2") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("talkie") { NormsKeysBare = true, HasBareNorms = true, NormsEmbedding = true, QueryKeyNormAfterRope = true, AddsEmbeddings = true, Ignored = ["attn_output.bias"], ScalesFeedForward = true, Unscaled = ["output.weight", "ffn_up", "ffn_gate"] },
        new("xverse") { Rope = Neighbours },
    ];
}
