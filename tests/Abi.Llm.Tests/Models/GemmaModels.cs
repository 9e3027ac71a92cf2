using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>
/// Writes tiny models of random weights with what the files of Gemma 3n and 4 have: the same bytes on every machine, so that the reference's logits of them can be recorded. Windows are
/// shorter than prompts, and every part is as large as the others.
/// </summary>
internal sealed class GemmaModels
{
    /// <summary>The tokens that a sliding block sees.</summary>
    public const int Window = 12;

    private const int Vocabulary = 320;
    private const int Width = 48;
    private const int Heads = 4;
    private const int FeedForward = 40;
    private const int ExpertFeedForward = 24;
    private readonly Variant _variant;
    private readonly Dictionary<string, GgufValue> _metadata = new(StringComparer.Ordinal);
    private readonly List<WeightTensor> _tensors = [];
    private readonly Random _random = new(29);

    private GemmaModels(Variant variant) => _variant = variant;

    private static IReadOnlyList<Variant> Variants { get; } =
    [
        // Like 31B: full blocks have larger heads, fewer of keys, and no projection of values.
        new("gemma4-dense", "ssfssf") { FullKeyHeads = 1, KeysAreValues = true, GateFactor = 1 },
        // Like E2B and E4B: embeddings for each block; blocks at the end have no keys and values, and wider feed-forward networks.
        new("gemma4-shared", "ssfsfssf") { SharingBlocks = 3, LayerWidth = 8, WidensSharing = true, Cap = 0 },
        // Like 26B-A4B: experts beside the dense network.
        new("gemma4-moe", "sfsf") { FullKeyHeads = 1, KeysAreValues = true, Experts = 8 },
        // What files may also have: two matrices of experts without scales, a head of its own, some columns that do not rotate, scaled positions, no base for sliding blocks, no scales of blocks.
        new("gemma4-other", "sfsff") { SharingBlocks = 1, LayerWidth = 16, Experts = 6, HasMergedExperts = false, HasHead = true, SlidingRotated = 4, RopeFactor = 4, ScalesBlocks = false },
        // Streams, low ranks and sparse gates; as many blocks with keys and values as its files have, since the reference counts on that.
        new("gemma3n", "ssssfssssfssssfssssfssssf") { SharingBlocks = 5, LayerWidth = 256, SlidingHead = 16, SlidingWindow = 24, PartFactor = 0.2f },
        new("gemma3n-few", "ssf") { LayerWidth = 256, SlidingHead = 16 },
        // The sizes of heads and window that models have.
        new("gemma4-sizes", "sfsf") { SlidingHead = 256, FullHead = 512, SharingBlocks = 2, LayerWidth = 8, SlidingWindow = 64 },
    ];

    /// <summary>The models there are.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Variants.Select(variant => variant.Name)];

    /// <summary>Writes one.</summary>
    public static void Write(string path, string name)
    {
        var model = new GemmaModels(Variants.Single(variant => variant.Name == name));
        model.WriteHead();
        for (var block = 0; block < model._variant.Blocks; block++)
        {
            model.WriteBlock($"blk.{block}.", block);
        }

        var writer = new GgufWriter(new GgufMetadata([.. model._metadata, .. SyntheticVocabulary.Create(Vocabulary)]));
        model._tensors.ForEach(writer.Add);
        writer.Write(path);
    }

    private void WriteHead()
    {
        var sliding = Enumerable.Range(0, _variant.Blocks).Select(_variant.IsSliding).ToArray();
        _metadata["general.architecture"] = GgufValue.Of(_variant.Architecture);
        Set("vocab_size", GgufValue.Of((uint)Vocabulary));
        Set("context_length", GgufValue.Of(1024u));
        Set("embedding_length", GgufValue.Of((uint)Width));
        Set("block_count", GgufValue.Of((uint)_variant.Blocks));
        Set("feed_forward_length", GgufValue.Of([.. Enumerable.Range(0, _variant.Blocks).Select(InnerWidth)]));
        Set("attention.layer_norm_rms_epsilon", GgufValue.Of(1e-6f));
        Set("attention.head_count", GgufValue.Of((uint)Heads));
        Set("attention.head_count_kv", GgufValue.Of([.. sliding.Select(slides => slides ? 2 : _variant.FullKeyHeads)]));
        Set("attention.key_length", GgufValue.Of((uint)_variant.FullHead));
        Set("attention.value_length", GgufValue.Of((uint)_variant.FullHead));
        Set("attention.key_length_swa", GgufValue.Of((uint)_variant.SlidingHead));
        Set("attention.value_length_swa", GgufValue.Of((uint)_variant.SlidingHead));
        Set("attention.sliding_window", GgufValue.Of((uint)_variant.SlidingWindow));
        Set("attention.sliding_window_pattern", GgufValue.Of(sliding.AsSpan()));
        Set("attention.shared_kv_layers", GgufValue.Of((uint)_variant.SharingBlocks));
        Set("embedding_length_per_layer_input", GgufValue.Of((uint)_variant.LayerWidth));
        Set("rope.dimension_count", GgufValue.Of((uint)_variant.FullHead));
        Set("rope.dimension_count_swa", GgufValue.Of((uint)(_variant.SlidingRotated > 0 ? _variant.SlidingRotated : _variant.SlidingHead)));
        Set("rope.freq_base", GgufValue.Of(1_000_000f));
        if (_variant.RopeFactor == 0)
        {
            Set("rope.freq_base_swa", GgufValue.Of(20_000f));
        }
        else
        {
            Set("rope.scaling.type", GgufValue.Of("linear"));
            Set("rope.scaling.factor", GgufValue.Of(_variant.RopeFactor));
        }

        if (_variant.Cap > 0)
        {
            Set("final_logit_softcapping", GgufValue.Of(_variant.Cap));
        }

        if (_variant.Experts > 0)
        {
            Set("expert_count", GgufValue.Of((uint)_variant.Experts));
            Set("expert_used_count", GgufValue.Of(3u));
            Set("expert_feed_forward_length", GgufValue.Of((uint)ExpertFeedForward));
        }

        Matrix("token_embd.weight", Width, Vocabulary);
        Norm("output_norm", Width, 4); // so that the best token is far from the second
        if (_variant.HasStreams)
        {
            Matrix("altup_proj.weight", Width, Width, 1, 3);
            Matrix("altup_unembd_proj.weight", Width, Width, 1, 3);
        }
        else
        {
            // A quarter of the pairs rotates.
            _tensors.Add(WeightTensor.FromFloats("rope_freqs.weight", [_variant.FullHead / 2], [.. Enumerable.Range(0, _variant.FullHead / 2).Select(pair => pair < _variant.FullHead / 8 ? 1 : 1e30f)]));
        }

        if (_variant.HasHead)
        {
            Matrix("output.weight", Width, Vocabulary);
        }

        if (_variant.LayerWidth > 0)
        {
            Add("per_layer_token_embd.weight", () => Number() / MathF.Sqrt(_variant.LayerWidth), _variant.LayerWidth * _variant.Blocks, Vocabulary);
            Matrix("per_layer_model_proj.weight", Width, _variant.LayerWidth * _variant.Blocks, MathF.Sqrt(Width));
            Norm("per_layer_proj_norm", _variant.LayerWidth);
        }
    }

    private void WriteBlock(string prefix, int block)
    {
        var slides = _variant.IsSliding(block);
        var head = slides ? _variant.SlidingHead : _variant.FullHead;
        var keys = head * (slides ? 2 : _variant.FullKeyHeads);
        Norm($"{prefix}attn_norm", Width);
        Matrix($"{prefix}attn_q.weight", Width, Heads * head);
        Norm($"{prefix}attn_q_norm", head, 3 / MathF.Sqrt(head));
        // Gemma 3n's files have projections that no block uses.
        if (block < _variant.Blocks - _variant.SharingBlocks || _variant.HasStreams)
        {
            Matrix($"{prefix}attn_k.weight", Width, keys);
            Norm($"{prefix}attn_k_norm", head);
            if (slides || !_variant.KeysAreValues)
            {
                Matrix($"{prefix}attn_v.weight", Width, keys);
            }
        }

        Matrix($"{prefix}attn_output.weight", Heads * head, Width);
        Norm($"{prefix}post_attention_norm", Width, _variant.PartFactor);
        Norm($"{prefix}ffn_norm", Width);
        var inner = InnerWidth(block);
        Matrix($"{prefix}ffn_gate.weight", Width, inner, _variant.GateFactor);
        Matrix($"{prefix}ffn_up.weight", Width, inner);
        Matrix($"{prefix}ffn_down.weight", inner, Width);
        Norm($"{prefix}post_ffw_norm", Width, _variant.PartFactor);
        if (_variant.Experts > 0)
        {
            WriteExperts(prefix);
        }

        if (_variant.LayerWidth > 0)
        {
            Matrix($"{prefix}inp_gate.weight", Width, _variant.LayerWidth, _variant.GateFactor);
            Matrix($"{prefix}proj.weight", _variant.LayerWidth, Width);
            Norm($"{prefix}post_norm", Width, _variant.PartFactor);
        }

        if (_variant.HasStreams)
        {
            WriteStreams(prefix);
        }
        else if (_variant.ScalesBlocks)
        {
            Add($"{prefix}layer_output_scale.weight", () => 0.7f + (0.2f * Number()), 1);
        }
    }

    private void WriteStreams(string prefix)
    {
        Matrix($"{prefix}altup_router.weight", Width, 4, Width);
        Norm($"{prefix}altup_router_norm", Width);
        Matrix($"{prefix}altup_predict_coef.weight", 4, 16, 0.5f);
        Matrix($"{prefix}altup_correct_coef.weight", 4, 4, 0.5f);
        Norm($"{prefix}altup_correct_scale", Width);
        Matrix($"{prefix}laurel_l.weight", Width, 64);
        Matrix($"{prefix}laurel_r.weight", 64, Width);
        Norm($"{prefix}laurel_post_norm", Width);
    }

    private void WriteExperts(string prefix)
    {
        Matrix($"{prefix}ffn_gate_inp.weight", Width, _variant.Experts);
        Norm($"{prefix}ffn_gate_inp.scale", Width, MathF.Sqrt(Width));
        Norm($"{prefix}pre_ffw_norm_2", Width);
        Norm($"{prefix}post_ffw_norm_1", Width);
        Norm($"{prefix}post_ffw_norm_2", Width);
        if (_variant.HasMergedExperts)
        {
            Matrix($"{prefix}ffn_gate_up_exps.weight", Width, 2 * ExpertFeedForward, _variant.GateFactor, _variant.Experts);
            Norm($"{prefix}ffn_down_exps.scale", _variant.Experts);
        }
        else
        {
            Matrix($"{prefix}ffn_gate_exps.weight", Width, ExpertFeedForward, _variant.GateFactor, _variant.Experts);
            Matrix($"{prefix}ffn_up_exps.weight", Width, ExpertFeedForward, 1, _variant.Experts);
        }

        Matrix($"{prefix}ffn_down_exps.weight", ExpertFeedForward, Width, 1, _variant.Experts);
    }

    private int InnerWidth(int block) => _variant.WidensSharing && block >= _variant.Blocks - _variant.SharingBlocks ? 2 * FeedForward : FeedForward;

    private void Matrix(string name, int columns, int rows, float factor = 1, int matrices = 0) =>
        Add(name, () => factor * Number() / MathF.Sqrt(columns), matrices == 0 ? [columns, rows] : [columns, rows, matrices]);

    /// <summary>A norm's weight, or another vector of numbers that are all near one.</summary>
    private void Norm(string name, int length, float factor = 1) => Add(name.EndsWith(".scale", StringComparison.Ordinal) ? name : $"{name}.weight", () => factor * (1 + (0.3f * Number())), length);

    private void Add(string name, Func<float> value, params long[] shape) =>
        _tensors.Add(WeightTensor.FromFloats(name, shape, [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(_ => value())]));

    private void Set(string key, GgufValue value) => _metadata[$"{_variant.Architecture}.{key}"] = value;

    /// <summary>A number of variance one: uniform, because logarithms are not the same everywhere.</summary>
    private float Number() => (_random.NextSingle() - 0.5f) * 3.4641016f;

    /// <summary>What sets a model apart: its blocks are sliding (s) or full (f).</summary>
    private sealed record Variant(string Name, string Kinds)
    {
        public int SharingBlocks { get; init; }

        public int LayerWidth { get; init; }

        public bool WidensSharing { get; init; }

        public int SlidingHead { get; init; } = 8;

        public int FullHead { get; init; } = 16;

        public int FullKeyHeads { get; init; } = 2;

        public int SlidingWindow { get; init; } = Window;

        public bool KeysAreValues { get; init; }

        public int Experts { get; init; }

        /// <summary>How large gates are: so large that GELU is the gate or nothing, which the reference, too, computes as it is and does not look up; or not.</summary>
        public float GateFactor { get; init; } = 1000;

        /// <summary>How much parts add to the stream. Where many blocks add much, errors of rounding grow to what can be seen.</summary>
        public float PartFactor { get; init; } = 1;

        public bool HasMergedExperts { get; init; } = true;

        public bool HasHead { get; init; }

        public int SlidingRotated { get; init; }

        public float RopeFactor { get; init; }

        public float Cap { get; init; } = 30;

        public bool ScalesBlocks { get; init; } = true;

        public string Architecture => Name.Split('-')[0];

        public bool HasStreams => Architecture == "gemma3n";

        public int Blocks => Kinds.Length;

        public bool IsSliding(int block) => Kinds[block] == 's';
    }
}
