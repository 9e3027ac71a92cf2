using System.Collections.Frozen;
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

    private static Architecture[] Decoders() =>
    [
        new("llama") { ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("mistral3") { ScalesExperts = true, ScalesFeedForward = true, Rope = Neighbours },
        new("arcee") { Rope = Neighbours, Activation = ActivationKind.ReluSquared },
        new("baichuan") { Rope = Neighbours },
        new("bloom") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu, AlibiMaxBias = 8 },
        new("codeshell") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("cohere2") { ScalesFeedForward = true, Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel, SlidingPeriod = 4, RotatesOnlySliding = true },
        new("command-r") { Norm = NormKind.Layer, Rope = Neighbours, Residual = ResidualKind.Parallel },
        new("deepseek") { Rope = Neighbours, NormalizesExperts = false },
        new("deepseek2") { Rope = Neighbours, NormalizesExperts = false },
        new("ernie4_5") { Rope = Neighbours },
        new("exaone"),
        new("falcon") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("gemma") { ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu },
        new("gemma2") { CapsScores = true, CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 2 },
        new("gemma3") { CapsLogits = true, ScalesEmbeddingByWidth = true, Gate = GateKind.GeGlu, SlidingPeriod = 6, SlidingRopeBase = 10000 },
        new("glm4") { Rope = Neighbours, FusedGateAndUp = true },
        new("chatglm") { Rope = Neighbours, FusedGateAndUp = true },
        new("gpt2") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("gptneox") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.ByKey },
        new("granite") { RotatesIfFinetuned = true, Rope = Neighbours, DividesLogits = true },
        new("granitemoe") { RotatesIfFinetuned = true, Rope = Neighbours, DividesLogits = true },
        new("hunyuan-dense") { QueryKeyNormAfterRope = true },
        new("internlm2") { Rope = Neighbours },
        new("minicpm") { Rope = Neighbours, DividesLogits = true },
        new("mpt") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("nemotron") { Norm = NormKind.Layer, Activation = ActivationKind.ReluSquared },
        new("olmo") { Norm = NormKind.Layer, Rope = Neighbours },
        new("olmo2") { SlidingPeriod = 4 },
        new("olmoe") { NormalizesExperts = false },
        new("orion") { Norm = NormKind.Layer },
        new("phi2") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu, Residual = ResidualKind.Parallel },
        new("phi3") { FusedGateAndUp = true },
        new("qwen2"),
        new("qwen2moe") { NormalizesExperts = false },
        new("qwen3") { ScalesFeedForward = true },
        new("qwen3moe") { ScalesExperts = true, IgnoresExpertNormKey = true },
        new("refact") { Rope = null, AlibiMaxBias = 8 },
        new("seed_oss"),
        new("smollm3") { Rope = Neighbours, NoRopeInterval = 4 },
        new("stablelm") { Norm = NormKind.Layer, Residual = ResidualKind.ParallelWithoutNorm },
        new("starcoder") { Norm = NormKind.Layer, Rope = null, Activation = ActivationKind.Gelu },
        new("starcoder2") { Norm = NormKind.Layer, Activation = ActivationKind.Gelu },
        new("xverse") { Rope = Neighbours },
    ];
}
