using System.Collections.Immutable;
using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>
/// What sets a decoder architecture apart from the others and cannot be seen from its tensors: a line of <see cref="ArchitectureTable"/>. Biases, QK-norms, fused projections,
/// post-norms, gates and experts need no switch: they are there when their tensors are.
/// </summary>
internal sealed record Architecture(string Name)
{
    /// <summary>Which writer makes the graph.</summary>
    public ModelMachine Machine { get; init; } = ModelMachine.Decoder;

    /// <summary>The kind of all norms.</summary>
    public NormKind Norm { get; init; } = NormKind.Rms;

    /// <summary>Which columns rotate together; null for no RoPE.</summary>
    public RopePairing? Rope { get; init; } = RopePairing.Halves;

    /// <summary>The gate of a gated feed-forward network.</summary>
    public GateKind Gate { get; init; } = GateKind.SwiGlu;

    /// <summary>The activation of one without a gate; null where all have one.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>Whether the up projection holds gate and up, one after the other.</summary>
    public bool FusedGateAndUp { get; init; }

    /// <summary>How attention and feed-forward join the residual stream.</summary>
    public ResidualKind Residual { get; init; } = ResidualKind.Sequential;

    /// <summary>Whether embeddings are multiplied by the root of their width.</summary>
    public bool ScalesEmbeddingByWidth { get; init; }

    /// <summary>
    /// Which of the keys that only some families have are read, without the architecture: <c>attention.clamp_kqv</c>, <c>attention.max_alibi_bias</c>, <c>attention.rope_pattern</c>,
    /// <c>attention.scale</c>, <c>embedding_scale</c>, <c>expert_weights_scale</c>, <c>kda.gate_lower_bound</c>, <c>logit_scale</c>, <c>residual_scale</c>, <c>rope.scaling.alpha</c>, <c>rope.scaling.yarn_beta_fast</c>
    /// and <c>_slow</c>, <c>rope.scaling.yarn_ext_factor</c>. In files of other families they mean nothing.
    /// </summary>
    public ImmutableArray<string> Reads { get; init; } = [];

    /// <summary>Whether <c>logit_scale</c> divides (Granite) or multiplies.</summary>
    public bool DividesLogits { get; init; }

    /// <summary>Whether the norms of queries and keys come after RoPE.</summary>
    public bool QueryKeyNormAfterRope { get; init; }

    /// <summary>Whether only sliding blocks rotate (Cohere 2, EXAONE 4).</summary>
    public bool RotatesOnlySliding { get; init; }

    /// <summary>Every n-th block does not rotate; 0 for none (SmolLM 3).</summary>
    public int NoRopeInterval { get; init; }

    /// <summary>Blocks slide but for every n-th; 0 when the sliding window applies to all blocks, -1 when none slides.</summary>
    public int SlidingPeriod { get; init; } = -1;

    /// <summary>The window of sliding blocks when no key says so; 0 for none.</summary>
    public int DefaultWindow { get; init; }

    /// <summary>Whether the first block of a period is the one that sees everything, not the last.</summary>
    public bool SlidingPeriodStartsFull { get; init; }

    /// <summary>The base of RoPE in sliding blocks when no key says so; 0 for the same as elsewhere.</summary>
    public float SlidingRopeBase { get; init; }

    /// <summary>The number of blocks of the one size whose scores are multiplied by <c>1/√(width / heads)</c>, not <c>1/√(key size)</c> (Gemma 2 and 3 of 27B); 0 for none.</summary>
    public int WidthScaledBlockCount { get; init; }

    /// <summary>How router logits become scores when no key says so.</summary>
    public RouteScore Score { get; init; } = RouteScore.Softmax;

    /// <summary>Whether the chosen experts' weights are divided by their sum when no key says so.</summary>
    public bool NormalizesExperts { get; init; } = true;

    /// <summary>The gate of the experts.</summary>
    public GateKind ExpertGate { get; init; } = GateKind.SwiGlu;

    /// <summary>The bias of ALiBi when no key says so; 0 for none.</summary>
    public float AlibiMaxBias { get; init; }

    /// <summary>The number of blocks of the one size that has ALiBi (Baichuan 13B); 0 for none.</summary>
    public int AlibiBlockCount { get; init; }

    /// <summary>The number of blocks of those models that rotate at all; 0 for any (Baichuan 7B).</summary>
    public int RopeBlockCount { get; init; }

    /// <summary>Constants of this architecture that other families have as keys, by key name without the architecture.</summary>
    public ImmutableDictionary<string, float> Defaults { get; init; } = ImmutableDictionary<string, float>.Empty;

    /// <summary>Whether scores are capped, as <c>attn_logit_softcapping</c> says.</summary>
    public bool CapsScores { get; init; }

    /// <summary>Whether logits are capped, as <c>final_logit_softcapping</c> says.</summary>
    public bool CapsLogits { get; init; }

    /// <summary>Whether matrices of the feed-forward network have a scale of their own when the file holds one.</summary>
    public bool ScalesFeedForward { get; init; }

    /// <summary>Parts of the names of other matrices whose scale is not used.</summary>
    public ImmutableArray<string> Unscaled { get; init; } = [];

    /// <summary>Whether <c>expert_weights_norm</c> is read; else <see cref="NormalizesExperts"/> alone counts.</summary>
    public bool ReadsExpertNorm { get; init; }

    /// <summary>Whether <c>expert_gating_func</c> is read; else <see cref="Score"/> alone counts.</summary>
    public bool ReadsExpertGating { get; init; }

    /// <summary>Ends of the names of tensors that files may hold and the forward pass does not use.</summary>
    public ImmutableArray<string> Ignored { get; init; } = [];

    /// <summary>The name of the norm before the feed-forward network.</summary>
    public string FeedForwardNorm { get; init; } = "ffn_norm";

    /// <summary>The name of the norm behind attention, where there is one.</summary>
    public string PostAttentionNorm { get; init; } = "post_attention_norm";

    /// <summary>The epsilon of the norms behind attention and feed-forward network; 0 for that of all norms.</summary>
    public float PostNormEpsilon { get; init; }

    /// <summary>What the gate beside attention's output, where there is one, goes through.</summary>
    public ActivationKind AttentionGate { get; init; } = ActivationKind.Sigmoid;

    /// <summary>What that gate is multiplied by before, and divided by behind its function: with ln 2, the softplus is <c>log₂(1 + 2ˣ)</c> (K2 Horizon).</summary>
    public float AttentionGateScale { get; init; } = 1;

    /// <summary>Whether the norms of blocks are over as many parts of the width as <c>attention.group_norm_groups</c> says (K2 Horizon).</summary>
    public bool ReadsNormGroups { get; init; }

    /// <summary>Whether norms of queries and keys are over each head even where their weight is a flat row for all.</summary>
    public bool NormsEachHead { get; init; }

    /// <summary>Whether norms of queries and keys are layer norms, whatever the others are (Chameleon).</summary>
    public bool LayerNormsHeads { get; init; }

    /// <summary>Whether <c>hidden_activation</c> names the function of the gate (BitNet).</summary>
    public bool ReadsActivation { get; init; }

    /// <summary>Whether blocks that do not slide rotate half of the columns that sliding ones rotate, and they alone use the divisors of RoPE's frequencies (Step 3.5).</summary>
    public bool HalvesFullRotation { get; init; }

    /// <summary>The ids from the first up to the second, which it does not hold, that are never the next token (Chameleon's images).</summary>
    public (int First, int End) NeverNext { get; init; }

    /// <summary>Keys that, where they are true, say that a model is of a kind that is not supported.</summary>
    public ImmutableArray<string> Refuses { get; init; } = [];

    /// <summary>Whether <c>attention.causal</c> counts in an encoder, whose tokens then see those before them alone unless it is false (Llama's embedding models).</summary>
    public bool ReadsCausal { get; init; }

    /// <summary>Whether embeddings are normed without a weight.</summary>
    public bool NormsEmbedding { get; init; }

    /// <summary>Whether norms have neither weight nor bias (OLMo, Talkie).</summary>
    public bool HasBareNorms { get; init; }

    /// <summary>Whether every token sees all tokens of its step and no state is kept (language diffusion models).</summary>
    public bool IsBidirectional { get; init; }

    /// <summary>Whether scores are multiplied by <c>1 / (key size)</c>, not by its root (Jais).</summary>
    public bool ScalesScoresByWidth { get; init; }

    /// <summary>Whether sliding blocks read the base of their RoPE from <c>rope.freq_base_swa</c>.</summary>
    public bool ReadsSlidingRopeBase { get; init; }

    /// <summary>What sliding blocks do with the scaling of RoPE.</summary>
    public SlidingRopeScaling SlidingRope { get; init; }

    /// <summary>The number of blocks of those models that slide at all; 0 for any (EXAONE 4).</summary>
    public int SlidingBlockCount { get; init; }

    /// <summary>What scores are multiplied by before their cap, as <c>attention.output_scale</c> says (Grok).</summary>
    public bool ReadsScoreScale { get; init; }

    /// <summary>What the sum of a dense network and routed experts in one block is multiplied by; 0 where the experts stand alone.</summary>
    public float DenseBesideExperts { get; init; }

    /// <summary>Whether experts read the block's own input, normed by <c>ffn_norm_exps</c>, beside the dense network (Arctic).</summary>
    public bool ExpertsReadBlockInput { get; init; }

    /// <summary>The name of the norm behind the feed-forward network, where there is one.</summary>
    public string PostFeedForwardNorm { get; init; } = "post_ffw_norm";

    /// <summary>Whether the router reads the block's input as it is (SmallThinker).</summary>
    public bool RoutesBlockInput { get; init; }

    /// <summary>Whether the experts' weights multiply their input, not their output (Llama 4).</summary>
    public bool WeighsExpertInput { get; init; }

    /// <summary>Whether queries and keys are normed without weights behind RoPE (Llama 4).</summary>
    public bool NormsRotated { get; init; }

    /// <summary>How queries grow with the position.</summary>
    public QueryTemperature Temperature { get; init; }

    /// <summary>The window of sliding blocks, whatever the key says, unless that is 0; 0 to read the key.</summary>
    public int FixedWindow { get; init; }

    /// <summary>Whether the window is a chunk (Llama 4).</summary>
    public bool HasChunkedWindow { get; init; }

    /// <summary>Whether <see cref="NoRopeInterval"/> counts from the first block, and only holds where blocks slide (SmallThinker).</summary>
    public bool NoRopeStartsFirst { get; init; }

    /// <summary>Where the gate of a feed-forward network is limited, as <c>swiglu_clamp_exp</c> says of experts and <c>swiglu_clamp_shexp</c> of the rest; the up projection is limited with it.</summary>
    public GateLimit Limit { get; init; }

    /// <summary>Whether the blocks run as often as <c>num_loops</c> says (Nanbeige).</summary>
    public bool Loops { get; init; }

    /// <summary>What the parts' outputs are multiplied by when no key says so is this over the root of the number of blocks; 0 for nothing (MiniCPM).</summary>
    public float ResidualDepthScale { get; init; }

    /// <summary>Logits are multiplied by this over the width when no key says so; 0 for no scale (MiniCPM).</summary>
    public float HeadBaseWidth { get; init; }

    /// <summary>Whether queries or keys whose norm has no weight are normed all the same (Talkie).</summary>
    public bool NormsKeysBare { get; init; }

    /// <summary>Whether each block adds the normed embeddings, times its <c>layer_output_scale</c> (Talkie).</summary>
    public bool AddsEmbeddings { get; init; }

    /// <summary>Whether latent attention uses the divisors of RoPE's frequencies.</summary>
    public bool LatentRopeHasFactors { get; init; }

    /// <summary>Whether latent attention's scores take the square of YaRN's magnitude (DeepSeek 2).</summary>
    public bool MagnifiesLatentScores { get; init; }

    /// <summary>What <c>rope.scaling.yarn_log_multiplier</c> is multiplied by: DeepSeek's files hold a tenth of it; 0 where it is not read.</summary>
    public float YarnMultiplierScale { get; init; }

    /// <summary>What the width of dense feed-forward networks is divided by (Qwen 1 states that of gate and up together).</summary>
    public int FeedForwardDivisor { get; init; } = 1;

    /// <summary>What attention's output is multiplied by is a key, <c>attention.value_scale</c> (MiMo 2).</summary>
    public bool ScalesAttentionOutput { get; init; }

    /// <summary>Whether the first dense blocks rotate even where others do not (Cohere 2 MoE).</summary>
    public bool RotatesDenseLead { get; init; }

    /// <summary>What the sum of routed and shared experts is multiplied by.</summary>
    public float SharedExpertScale { get; init; } = 1;

    /// <summary>Whether RoPE in several dimensions takes its columns in turn (Qwen 3 VL), not section by section.</summary>
    public bool InterleavesRopeSections { get; init; }

    /// <summary>Whether <c>rope.dimension_sections</c> is read: the columns of the fourth dimension do not rotate with text.</summary>
    public bool ReadsRopeSections { get; init; }

    /// <summary>The name of the norm before the head.</summary>
    public string FinalNorm { get; init; } = "output_norm";

    /// <summary>Whether attention rotates only where <c>rope.scaling.finetuned</c> does not say no (Granite).</summary>
    public bool RotatesIfFinetuned { get; init; }

    /// <summary>Whether Mamba 2's heads read B, C and Δ from a projection of their own, normed (PLaMo 2).</summary>
    public bool ProjectsScanParameters { get; init; }

    /// <summary>Whether a block without a feed-forward norm is one part behind one norm.</summary>
    public bool HasSinglePartBlocks { get; init; }

    /// <summary>Whether the query projection holds a gate for each head (Qwen 3 Next).</summary>
    public bool GatesAttention { get; init; }

    /// <summary>Whether experts' matrices have a scale for each expert when the file holds one.</summary>
    public bool ScalesExperts { get; init; }

    /// <summary>Whether values are normed without a weight, head by head (Gemma 3n and 4).</summary>
    public bool NormsValues { get; init; }

    /// <summary>Whether a block without a projection of values takes what that of keys gives (Gemma 4).</summary>
    public bool KeysMayBeValues { get; init; }

    /// <summary>Whether as many blocks at the end as <c>attention.shared_kv_layers</c> says read the keys and values of earlier ones (Gemma 3n and 4).</summary>
    public bool SharesKeysAndValues { get; init; }

    /// <summary>Whether the divisors of RoPE's frequencies do not hold for sliding blocks (Gemma 4).</summary>
    public bool FactorsSpareSliding { get; init; }

    /// <summary>Whether blocks pass on several streams that predict and correct one another (Gemma 3n).</summary>
    public bool HasStreams { get; init; }

    /// <summary>How many blocks from the first on keep only the gates of their feed-forward network that stand out (Gemma 3n).</summary>
    public int SparseBlocks { get; init; }

    /// <summary>Whether tokens have an embedding for each block, as wide as <c>embedding_length_per_layer_input</c> says, 0 for none (Gemma 3n and 4).</summary>
    public bool HasLayerEmbeddings { get; init; }
}
