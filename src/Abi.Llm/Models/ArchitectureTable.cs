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

    /// <summary>Gemma 2's numbers where a file does not hold them.</summary>
    private static ImmutableDictionary<string, float> Gemma2Defaults => ImmutableDictionary<string, float>.Empty.Add("attn_logit_softcapping", 50).Add("final_logit_softcapping", 30);

    /// <summary>Scores of Gemma 3n and 4 are not scaled; their cap holds where a file does not state one.</summary>
    private static ImmutableDictionary<string, float> Gemma4Defaults => ImmutableDictionary<string, float>.Empty.Add("attention.scale", 1).Add("final_logit_softcapping", 30);

    /// <summary>MiniCPM's number where a file does not hold it.</summary>
    private static ImmutableDictionary<string, float> MiniCpmDefaults => ImmutableDictionary<string, float>.Empty.Add("embedding_scale", 12);

    /// <summary>The numbers that Granite's family reads.</summary>
    private static ImmutableArray<string> GraniteScales => ["logit_scale", "residual_scale", "embedding_scale", "attention.scale"];

    /// <summary>Between which numbers of turns YaRN blends.</summary>
    private static ImmutableArray<string> YarnBounds => ["rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"];

    private static Architecture[] Decoders() =>
    [
        new("afmoe") { Reads = ["expert_weights_scale"], Unscaled = ["attn_gate"], ScalesEmbeddingByWidth = true, SlidingPeriod = 4, ReadsSlidingRopeBase = true, NoRopeInterval = 4, Score = RouteScore.Sigmoid, ReadsExpertGating = true, ReadsExpertNorm = true, NormalizesExperts = false },
        new("apertus") { Activation = ActivationKind.XIelu, Ignored = ["attn_q_norm.bias", "attn_k_norm.bias"] },
        new("arcee") { Rope = Neighbours, Activation = ActivationKind.ReluSquared },
        new("arctic") { Rope = Neighbours, ExpertsReadBlockInput = true, Ignored = ["attn_output.bias"] },
        new("baichuan") { Rope = Neighbours, RopeBlockCount = 32, AlibiMaxBias = 8, AlibiBlockCount = 40 },
        new("bailingmoe") { Reads = ["expert_weights_scale"], Rope = Neighbours, ReadsExpertNorm = true, NormalizesExperts = false },
        new("bailingmoe2") { Reads = ["expert_weights_scale"], ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("bitnet") { ScalesFeedForward = true, ReadsActivation = true },
        new("bloom") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu, AlibiMaxBias = 8 },
        new("chameleon") { Rope = Neighbours, LayerNormsHeads = true, Refuses = ["swin_norm"], NeverNext = (4, 8196) },
        new("chatglm") { Rope = Neighbours, FusedGateAndUp = true },
        new("codeshell") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("cogvlm") { Ignored = ["rope_freqs.weight"], Unscaled = ["attn_qkv"] },
        new("cohere2") { Reads = ["logit_scale"], ScalesFeedForward = true, Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel, SlidingPeriod = 4, RotatesOnlySliding = true },
        new("cohere2moe") { Reads = ["logit_scale", "expert_weights_scale"], ScalesExperts = true, Norm = NormKind.ByEpsilon, Rope = Neighbours, Residual = ResidualKind.Parallel, SlidingPeriod = 4, SlidingPeriodStartsFull = true, RotatesOnlySliding = true, RotatesDenseLead = true, Score = RouteScore.Sigmoid, ReadsExpertGating = true, ReadsExpertNorm = true, NormalizesExperts = false, SharedExpertScale = 0.5f, ScalesFeedForward = true },
        new("command-r") { Reads = ["logit_scale"], Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel },
        new("dbrx") { Reads = ["attention.clamp_kqv"], Norm = NormKind.Layer, FeedForwardNorm = "attn_output_norm", Ignored = ["attn_output.bias"] },
        new("deci") { Rope = Neighbours },
        new("deepseek") { Reads = ["expert_weights_scale"], Rope = Neighbours, NormalizesExperts = false },
        new("deepseek2") { Reads = ["expert_weights_scale"], MagnifiesLatentScores = true, YarnMultiplierScale = 10, Temperature = QueryTemperature.ByKey, Rope = Neighbours, NormalizesExperts = false, ReadsExpertNorm = true, ReadsExpertGating = true },
        new("dots1") { Reads = ["expert_weights_scale"], ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("dream") { IsBidirectional = true, Ignored = ["output.bias"] },
        new("ernie4_5") { Rope = Neighbours, Ignored = ["attn_output.bias"] },
        new("ernie4_5-moe") { Rope = Neighbours, Ignored = ["attn_output.bias"] },
        new("exaone"),
        new("exaone-moe") { Reads = ["expert_weights_scale"], SlidingPeriod = 4, RotatesOnlySliding = true, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("exaone4") { SlidingPeriod = 4, SlidingBlockCount = 64, DefaultWindow = 4096, RotatesOnlySliding = true, Ignored = ["attn_output.bias"] },
        new("falcon") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("gemma") { ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu },
        new("gemma2") { CapsScores = true, CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 2, DefaultWindow = 4096, ReadsSlidingRopeBase = true, WidthScaledBlockCount = 46, Defaults = Gemma2Defaults },
        new("gemma3") { WidthScaledBlockCount = 62, CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 6, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled },
        new("gemma3n") { CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 5, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, NormsValues = true, SharesKeysAndValues = true, HasLayerEmbeddings = true, HasStreams = true, SparseBlocks = 10, Defaults = Gemma4Defaults },
        new("gemma4") { Unscaled = ["ffn_gate_inp."], ScalesFeedForward = true, ScalesExperts = true, CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, ExpertGate = GateKind.GeGlu, SlidingPeriod = 0, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, FactorsSpareSliding = true, NormsValues = true, KeysMayBeValues = true, SharesKeysAndValues = true, HasLayerEmbeddings = true, Defaults = Gemma4Defaults },
        new("glm4") { ReadsRopeSections = true, Rope = Neighbours, FusedGateAndUp = true },
        new("glm4moe") { Reads = ["expert_weights_scale"], ReadsRopeSections = true, FeedForwardNorm = "post_attention_norm", Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("gpt-oss") { SlidingPeriod = 2, ReadsSlidingRopeBase = true, FeedForwardNorm = "post_attention_norm", Score = RouteScore.SoftmaxOfChosen, NormalizesExperts = false, ExpertGate = GateKind.SwiGluOai },
        new("gpt2") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("gptneox") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.ByKey },
        new("granite") { Reads = GraniteScales, RotatesIfFinetuned = true, Rope = Neighbours, DividesLogits = true },
        new("granite_swa") { Reads = [.. GraniteScales, "attention.rope_pattern"], Rope = Neighbours, DividesLogits = true, SlidingPeriod = 0, FusedGateAndUp = true },
        new("granitemoe") { Reads = GraniteScales, Rope = Neighbours, DividesLogits = true },
        new("grok") { Reads = ["logit_scale", "embedding_scale", .. YarnBounds, "rope.scaling.yarn_ext_factor"], PostAttentionNorm = "attn_output_norm", PostFeedForwardNorm = "layer_output_norm", CapsScores = true, ReadsScoreScale = true, Gate = GateKind.GeGlu, ExpertGate = GateKind.GeGlu, DenseBesideExperts = 0.70710678f, CapsLogits = true, Defaults = GrokDefaults },
        new("grovemoe"),
        new("hunyuan-dense") { Reads = ["rope.scaling.alpha"], QueryKeyNormAfterRope = true },
        new("hunyuan-moe") { QueryKeyNormAfterRope = true },
        new("hunyuan_vl") { Reads = ["rope.scaling.alpha"], QueryKeyNormAfterRope = true, ReadsRopeSections = true },
        new("hy_v3") { Reads = ["expert_weights_scale"], ScalesExperts = true, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true, ScalesFeedForward = true },
        new("internlm2") { Rope = Neighbours },
        new("jais") { Reads = ["attention.max_alibi_bias"], Norm = NormKind.Layer, Rope = null, ScalesScoresByWidth = true },
        new("jais2") { Norm = NormKind.Layer, Activation = ActivationKind.ReluSquared },
        new("k2-horizon") { Reads = ["expert_weights_scale", .. YarnBounds], ReadsNormGroups = true, NormsEachHead = true, AttentionGate = ActivationKind.Softplus, AttentionGateScale = 0.6931472f, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("laguna") { Reads = ["expert_weights_scale", "rope.scaling.yarn_ext_factor", .. YarnBounds], Unscaled = ["attn_gate"], SlidingPeriod = 4, SlidingPeriodStartsFull = true, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.None, AttentionGate = ActivationKind.Softplus, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("llada") { Rope = Neighbours, IsBidirectional = true, Ignored = ["rope_freqs.weight", "attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"] },
        new("llada-moe") { IsBidirectional = true, NormalizesExperts = false, Ignored = ["attn_output.bias"] },
        new("llama") { ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("llama4") { Rope = Neighbours, SlidingPeriod = 4, FixedWindow = 8192, HasChunkedWindow = true, ReadsSlidingRopeBase = true, NoRopeInterval = 4, NormsRotated = true, Temperature = QueryTemperature.WithoutRope, WeighsExpertInput = true, Score = RouteScore.Sigmoid, NormalizesExperts = false },
        new("maincoder") { Rope = Neighbours, QueryKeyNormAfterRope = true },
        new("maple") { SlidingPeriod = 0, RotatesOnlySliding = true, ReadsSlidingRopeBase = true, Limit = GateLimit.BeforeFunction, Ignored = ["attn_output.bias"] },
        new("mellum") { ScalesExperts = true, SlidingPeriod = 4, SlidingRope = SlidingRopeScaling.None, ScalesFeedForward = true },
        new("mimo2") { Unscaled = ["attn_qkv", "attn_q.", "attn_k.", "attn_v."], SlidingPeriod = 0, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, ScalesAttentionOutput = true, Score = RouteScore.Sigmoid, Ignored = ["attn_output.bias", "attn_qkv.bias", "attn_q.bias", "attn_k.bias", "attn_v.bias"] },
        new("minicpm") { Rope = Neighbours, Reads = ["logit_scale", "residual_scale", "embedding_scale"], DividesLogits = true, ResidualDepthScale = 1.4f, HeadBaseWidth = 256, Defaults = MiniCpmDefaults },
        new("minicpm3") { ResidualDepthScale = 1.4f, HeadBaseWidth = 256, Defaults = MiniCpmDefaults, LatentRopeHasFactors = true },
        new("minimax-m2") { ReadsExpertGating = true, Ignored = ["attn_output.bias"] },
        new("mistral3") { Reads = YarnBounds, YarnMultiplierScale = 1, Temperature = QueryTemperature.ByKey, ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("mistral4") { Reads = ["expert_weights_scale"], MagnifiesLatentScores = true, YarnMultiplierScale = 10, Rope = Neighbours, NormalizesExperts = false, ReadsExpertNorm = true, ReadsExpertGating = true, Temperature = QueryTemperature.ByKey },
        new("mpt") { Reads = ["attention.clamp_kqv", "attention.max_alibi_bias"], Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("muse-glimmer") { Reads = ["logit_scale"], Unscaled = ["attn_gate"], Rope = Neighbours, NormsEmbedding = true, SlidingPeriod = 4, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, RotatesOnlySliding = true, PostNormEpsilon = 1e-8f, CapsLogits = true },
        new("nanbeige") { Rope = Neighbours, ScalesFeedForward = true, Loops = true },
        new("nemotron") { Norm = NormKind.Layer, Activation = ActivationKind.ReluSquared },
        new("olmo") { Reads = ["attention.clamp_kqv"], Norm = NormKind.Layer, HasBareNorms = true, Rope = Neighbours },
        new("olmo2") { SlidingPeriod = 4, SlidingRope = SlidingRopeScaling.None },
        new("olmoe") { NormalizesExperts = false },
        new("openelm") { Unscaled = ["attn_qkv"], Ignored = ["attn_output.bias"] },
        new("orion") { Norm = NormKind.Layer },
        new("paddleocr") { ReadsRopeSections = true },
        new("pangu-embedded") { Ignored = ["rope_freqs.weight"] },
        new("phi2") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("phi3") { FusedGateAndUp = true },
        new("phimoe"),
        new("plamo") { Residual = ResidualKind.Parallel, Ignored = ["attn_output.bias"] },
        new("plamo3") { Unscaled = ["attn_qkv"], SlidingPeriod = 8, SlidingRopeBase = 10000, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, FusedGateAndUp = true, Ignored = ["attn_output.bias"] },
        new("plm") { Rope = Neighbours, Activation = ActivationKind.ReluSquared },
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
        new("step35") { Reads = ["expert_weights_scale"], SlidingPeriod = 0, ReadsSlidingRopeBase = true, SlidingRope = SlidingRopeScaling.FrequenciesUnscaled, HalvesFullRotation = true, Limit = GateLimit.BehindFunction, Score = RouteScore.Sigmoid, ReadsExpertNorm = true, NormalizesExperts = false, ReadsExpertGating = true },
        new("talkie") { Reads = ["logit_scale"], NormsKeysBare = true, HasBareNorms = true, NormsEmbedding = true, QueryKeyNormAfterRope = true, AddsEmbeddings = true, Ignored = ["attn_output.bias"], ScalesFeedForward = true, Unscaled = ["output.weight", "ffn_up", "ffn_gate"] },
        new("xverse") { Rope = Neighbours },
    ];
}
