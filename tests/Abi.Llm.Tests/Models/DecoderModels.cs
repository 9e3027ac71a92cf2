using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>
/// Writes tiny models of random weights for architectures of which the reference's own tests make none, or none with the settings that real files have: all keys and tensors that its
/// loader asks for. A name is an architecture, and behind a plus what is different. The weights are sums of uniform numbers, so that every machine writes the same file.
/// </summary>
internal sealed class DecoderModels
{
    private const int Width = 64;
    private const int Blocks = 4;
    private const int Heads = 4;
    private const int KeyValueHeads = 2;
    private const int HeadSize = 16;
    private const int FeedForward = 96;
    private const int ExpertFeedForward = 48;
    private const int Experts = 8;
    private const int Latent = 24;
    private readonly string _architecture;
    private readonly string _variant;
    private readonly int _vocabulary;
    private readonly Dictionary<string, GgufValue> _metadata = new(StringComparer.Ordinal);
    private readonly List<WeightTensor> _tensors = [];
    private readonly Random _random = new(29);

    private DecoderModels(string name)
    {
        var parts = name.Split('+');
        (_architecture, _variant) = (parts[0], parts.Length > 1 ? parts[1] : "");
        _vocabulary = _architecture == "chameleon" ? 8220 : 300;
    }

    /// <summary>The models there are.</summary>
    public static IReadOnlyList<string> Names { get; } = 
    [
        "apertus", "apertus+numbers", "bailingmoe3", "bailingmoe3+sections", "bitnet", "chameleon", "grovemoe", "grovemoe+scaled", "k2-horizon", "k2-horizon+moe",
        "k2-horizon+softmax", "llama-embed", "llama-embed+causal", "plm", "step35", "step35+scaled",
    ];

    /// <summary>Writes one.</summary>
    public static void Write(string path, string name)
    {
        var model = new DecoderModels(name);
        model.WriteHead();
        for (var block = 0; block < Blocks; block++)
        {
            model.WriteBlock($"blk.{block}.", block);
        }

        var writer = new GgufWriter(new GgufMetadata([.. model._metadata, .. SyntheticVocabulary.Create(model._vocabulary)]));
        model._tensors.ForEach(writer.Add);
        writer.Write(path);
    }

    private bool HasLatentAttention(int block) => _architecture == "plm" || (_architecture == "bailingmoe3" && block % 2 == 1);

    private bool HasExperts(int block) => _architecture == "grovemoe" || (block > 0 && (_architecture is "step35" or "bailingmoe3" || (_architecture == "k2-horizon" && _variant.Length > 0)));

    /// <summary>Step 3.5 has more heads where blocks slide.</summary>
    private int HeadsOf(int block) => _architecture == "step35" && block % 2 == 1 ? 2 * Heads : Heads;

    private void WriteHead()
    {
        _metadata["general.architecture"] = GgufValue.Of(_architecture);
        Set("vocab_size", _vocabulary);
        Set("context_length", 1024);
        Set("embedding_length", Width);
        Set("block_count", Blocks);
        Set("feed_forward_length", FeedForward);
        Set("attention.layer_norm_rms_epsilon", 1e-5f);
        Set("attention.head_count", [.. Enumerable.Range(0, Blocks).Select(HeadsOf)]);
        Set("attention.head_count_kv", KeyValueHeads);
        Set("attention.key_length", HeadSize);
        Set("attention.value_length", HeadSize);
        Set("rope.dimension_count", HasLatentAttention(1) ? HeadSize / 2 : HeadSize);
        Set("rope.freq_base", 10000f);
        Matrix("token_embd.weight", Width, _vocabulary);
        if (_architecture is not ("plm" or "bitnet"))
        {
            Matrix("output.weight", Width, _vocabulary);
        }

        if (Enumerable.Range(0, Blocks).Any(HasExperts))
        {
            Set("expert_count", Experts);
            Set("expert_used_count", 3);
            Set("expert_feed_forward_length", ExpertFeedForward);
        }

        Norm("output_norm.weight", Width);
        WriteNumbers();
    }

    /// <summary>The keys that only one architecture has.</summary>
    private void WriteNumbers()
    {
        switch (_architecture)
        {
            case "apertus" when _variant == "numbers":
                foreach (var (key, value) in ((string, float)[])[("alpha_n", 0.9f), ("alpha_p", -0.3f), ("beta", 0.6f), ("eps", -1e-6f)])
                {
                    _metadata[$"xielu.{key}"] = GgufValue.Of(value);
                }

                break;
            case "apertus":
                _metadata["xielu.alpha_n"] = GgufValue.Of([0.3f, -0.8f, 1.7f, 0.1f]);
                _metadata["xielu.alpha_p"] = GgufValue.Of([1.1f, 0.4f, -0.5f, 2.3f]);
                _metadata["xielu.beta"] = GgufValue.Of([0.5f, 0.25f, 0.75f, 0.5f]);
                _metadata["xielu.eps"] = GgufValue.Of([-1e-6f, -1e-3f, -0.2f, -1e-6f]);
                Add("rope_freqs.weight", i => 1 + (i * i / 8f), HeadSize / 2);
                break;
            case "bailingmoe3":
                Set("attention.head_count_kv", [.. Enumerable.Range(0, Blocks).Select(block => block % 2)]);
                Set("attention.key_length", Latent + (HeadSize / 2));
                Set("attention.value_length", Latent);
                Set("attention.key_length_mla", HeadSize);
                Set("attention.value_length_mla", HeadSize);
                Set("attention.kv_lora_rank", Latent);
                Set("attention.q_lora_rank", Latent);
                Set("ssm.conv_kernel", 4);
                Set("kda.head_dim", HeadSize);
                Set("kda.gate_lower_bound", -5f);
                Set("leading_dense_block_count", 1);
                Set("expert_shared_count", 1);
                Set("expert_weights_scale", 1.5f);
                if (_variant == "sections")
                {
                    Set("rope.dimension_sections", [1, 2, 1, 0]);
                }

                _metadata["bailingmoe3.expert_weights_norm"] = GgufValue.Of(true);
                Set("expert_gating_func", 2);
                _metadata["bailingmoe3.swiglu_clamp_exp"] = GgufValue.Of([0f, 0.4f, 0f, 0.5f]);
                _metadata["bailingmoe3.swiglu_clamp_shexp"] = GgufValue.Of([0.3f, 0f, 0.4f, 0.5f]);
                break;
            case "bitnet":
                _metadata["bitnet.rope.scaling.type"] = GgufValue.Of("linear");
                Set("rope.scaling.factor", 1f);
                break;
            case "chameleon":
                _metadata["chameleon.swin_norm"] = GgufValue.Of(false);
                break;
            case "grovemoe":
                Set("expert_used_count", _variant == "scaled" ? 4 : 3);
                Set("experts_per_group", 2);
                Set("expert_group_scale", _variant == "scaled" ? 0.7f : 0.05f);
                Set("expert_chunk_feed_forward_length", HeadSize);
                break;
            case "k2-horizon":
                Set("attention.group_norm_groups", _variant == "moe" ? 1 : 4);
                Set("leading_dense_block_count", 1);
                if (_variant.Length > 0)
                {
                    Set("expert_shared_count", 1);
                    Set("expert_shared_feed_forward_length", ExpertFeedForward);
                    Set("expert_weights_scale", 2.5f);
                    _metadata["k2-horizon.expert_weights_norm"] = GgufValue.Of(_variant == "softmax");
                    Set("expert_gating_func", _variant == "softmax" ? 1 : 2);
                }

                if (_variant == "softmax")
                {
                    Set("attention.value_expert_count", 5);
                    Set("attention.value_expert_used_count", 2);
                    _metadata["k2-horizon.rope.scaling.type"] = GgufValue.Of("yarn");
                    Set("rope.scaling.factor", 4f);
                    Set("rope.scaling.original_context_length", 32);
                    Set("rope.scaling.yarn_beta_fast", 6f);
                }

                break;
            case "llama-embed" when _variant.Length == 0:
                _metadata["llama-embed.attention.causal"] = GgufValue.Of(false);
                break;
            case "plm":
                Set("attention.head_count_kv", Heads);
                Set("attention.kv_lora_rank", Latent);
                break;
            case "step35":
                Set("attention.head_count_kv", [.. Enumerable.Range(0, Blocks).Select(block => HeadsOf(block) / 2)]);
                Set("attention.sliding_window", 20);
                _metadata["step35.attention.sliding_window_pattern"] = GgufValue.Of([false, true, false, true]);
                Set("rope.freq_base_swa", 500f);
                Set("leading_dense_block_count", 1);
                Set("expert_shared_feed_forward_length", ExpertFeedForward);
                if (_variant == "scaled")
                {
                    Set("expert_weights_scale", 3f);
                    _metadata["step35.rope.scaling.type"] = GgufValue.Of("yarn");
                    Set("rope.scaling.factor", 4f);
                    Set("rope.scaling.original_context_length", 32);
                    _metadata["step35.expert_weights_norm"] = GgufValue.Of(true);
                    _metadata["step35.swiglu_clamp_exp"] = GgufValue.Of([0f, 0.4f, 0f, 0.5f]);
                    _metadata["step35.swiglu_clamp_shexp"] = GgufValue.Of([0.3f, 0f, 0.4f, 0.5f]);
                    Add("rope_freqs.weight", i => 1 + (i * i / 8f), HeadSize / 2);
                }

                break;
        }
    }

    private void WriteBlock(string prefix, int block)
    {
        Norm($"{prefix}attn_norm.weight", Width);
        if (HasLatentAttention(block))
        {
            WriteLatentAttention(prefix);
        }
        else if (_architecture == "bailingmoe3")
        {
            WriteDeltaAttention(prefix);
        }
        else
        {
            WriteAttention(prefix, block);
        }

        Norm($"{prefix}ffn_norm.weight", Width);
        if (HasExperts(block))
        {
            WriteExperts(prefix);
        }
        else
        {
            WriteFeedForward(prefix);
        }
    }

    private void WriteAttention(string prefix, int block)
    {
        var heads = HeadsOf(block);
        var keys = KeyValueHeads * heads / Heads * HeadSize;
        Matrix($"{prefix}attn_q.weight", Width, heads * HeadSize, 2);
        Matrix($"{prefix}attn_k.weight", Width, keys, 2);
        if (_variant == "softmax" && block > 0)
        {
            Matrix($"{prefix}attn_v_gate.weight", Width, 5);
            Add($"{prefix}attn_v_gate.bias", _ => 0.3f * Number(), 5);
            Stack($"{prefix}attn_v_exps.weight", Width, keys, 5, 2);
        }
        else
        {
            Matrix($"{prefix}attn_v.weight", Width, keys, 2);
        }

        Matrix($"{prefix}attn_output.weight", heads * HeadSize, Width);
        switch (_architecture)
        {
            case "apertus" or "grovemoe" or "step35":
                Norm($"{prefix}attn_q_norm.weight", HeadSize);
                Norm($"{prefix}attn_k_norm.weight", HeadSize);
                break;
            case "chameleon":
                Add($"{prefix}attn_q_norm.weight", _ => 1 + (0.3f * Number()), HeadSize, heads);
                Add($"{prefix}attn_k_norm.weight", _ => 1 + (0.3f * Number()), HeadSize, KeyValueHeads);
                Add($"{prefix}attn_q_norm.bias", _ => 0.3f * Number(), HeadSize, heads);
                Add($"{prefix}attn_k_norm.bias", _ => 0.3f * Number(), HeadSize, KeyValueHeads);
                break;
            case "bitnet":
                Norm($"{prefix}attn_sub_norm.weight", Width);
                WriteScales(prefix, "attn_q", "attn_k", "attn_v", "attn_output");
                break;
            case "k2-horizon" when _variant != "moe":
                Norm($"{prefix}attn_q_norm.weight", heads * HeadSize);
                Norm($"{prefix}attn_k_norm.weight", keys);
                break;
        }

        if (_architecture is "step35" or "k2-horizon")
        {
            Matrix($"{prefix}attn_gate.weight", Width, _architecture == "step35" ? heads : heads * HeadSize);
        }
    }

    private void WriteLatentAttention(string prefix)
    {
        const int Rotated = HeadSize / 2;
        Norm($"{prefix}attn_kv_a_norm.weight", Latent);
        Matrix($"{prefix}attn_kv_a_mqa.weight", Width, Latent + Rotated, 2);
        Matrix($"{prefix}attn_output.weight", Heads * HeadSize, Width);
        if (_architecture == "plm")
        {
            Matrix($"{prefix}attn_q.weight", Width, Heads * HeadSize, 2);
            Matrix($"{prefix}attn_kv_b.weight", Latent, Heads * (HeadSize - Rotated + HeadSize));
            return;
        }

        Matrix($"{prefix}attn_q_a.weight", Width, Latent);
        Norm($"{prefix}attn_q_a_norm.weight", Latent);
        Matrix($"{prefix}attn_q_b.weight", Latent, Heads * HeadSize, 2);
        Stack($"{prefix}attn_k_b.weight", HeadSize - Rotated, Latent, Heads, 2);
        Stack($"{prefix}attn_v_b.weight", Latent, HeadSize, Heads);
        Matrix($"{prefix}attn_gate.weight", Width, Heads);
    }

    private void WriteDeltaAttention(string prefix)
    {
        const int Inner = Heads * HeadSize;
        foreach (var part in (string[])["q", "k", "v"])
        {
            Matrix($"{prefix}attn_{part}.weight", Width, Inner);
            Add($"{prefix}ssm_conv1d_{part}.weight", _ => Number() / 2, 4, 1, Inner);
        }

        Matrix($"{prefix}ssm_f_a.weight", Width, Inner);
        Matrix($"{prefix}ssm_g_a.weight", Width, Inner);
        Matrix($"{prefix}ssm_beta.weight", Width, Heads);
        Add($"{prefix}ssm_a", _ => 0.5f + _random.NextSingle(), 1, Heads);
        Add($"{prefix}ssm_dt.bias", _ => Number() - 2, Inner);
        Norm($"{prefix}ssm_norm.weight", HeadSize);
        Matrix($"{prefix}attn_output.weight", Inner, Width);
    }

    private void WriteFeedForward(string prefix)
    {
        Matrix($"{prefix}ffn_up.weight", Width, FeedForward);
        Matrix($"{prefix}ffn_down.weight", FeedForward, Width);
        if (_architecture is not ("apertus" or "plm"))
        {
            Matrix($"{prefix}ffn_gate.weight", Width, FeedForward);
        }

        if (_architecture == "bitnet")
        {
            Norm($"{prefix}ffn_sub_norm.weight", FeedForward);
            WriteScales(prefix, "ffn_up", "ffn_gate", "ffn_down");
        }
    }

    private void WriteExperts(string prefix)
    {
        Matrix($"{prefix}ffn_gate_inp.weight", Width, Experts);
        Stack($"{prefix}ffn_gate_exps.weight", Width, ExpertFeedForward, Experts);
        Stack($"{prefix}ffn_up_exps.weight", Width, ExpertFeedForward, Experts);
        Stack($"{prefix}ffn_down_exps.weight", ExpertFeedForward, Width, Experts);
        if (_architecture == "grovemoe")
        {
            Stack($"{prefix}ffn_gate_chexps.weight", Width, HeadSize, Experts / 2);
            Stack($"{prefix}ffn_up_chexps.weight", Width, HeadSize, Experts / 2);
            Stack($"{prefix}ffn_down_chexps.weight", HeadSize, Width, Experts / 2);
            return;
        }

        Add($"{prefix}exp_probs_b.bias", _ => 0.3f * Number(), Experts);
        Matrix($"{prefix}ffn_gate_shexp.weight", Width, ExpertFeedForward);
        Matrix($"{prefix}ffn_up_shexp.weight", Width, ExpertFeedForward);
        Matrix($"{prefix}ffn_down_shexp.weight", ExpertFeedForward, Width);
    }

    /// <summary>What BitNet's matrices of −1, 0 and 1 are multiplied by.</summary>
    private void WriteScales(string prefix, params ReadOnlySpan<string> matrices)
    {
        foreach (var matrix in matrices)
        {
            Add($"{prefix}{matrix}.scale", _ => 0.5f + _random.NextSingle(), 1);
        }
    }

    private void Stack(string name, int columns, int rows, int count, float factor = 1) => Add(name, _ => factor * Number() / MathF.Sqrt(columns), columns, rows, count);

    private void Norm(string name, int length) => Add(name, _ => 1 + (0.1f * Number()), length);

    private void Matrix(string name, int columns, int rows, float factor = 1) => Add(name, _ => factor * Number() / MathF.Sqrt(columns), columns, rows);

    private void Add(string name, Func<int, float> value, params long[] shape) =>
        _tensors.Add(WeightTensor.FromFloats(name, shape, [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(value)]));

    private void Set(string key, int value) => _metadata[$"{_architecture}.{key}"] = GgufValue.Of((uint)value);

    private void Set(string key, int[] values) => _metadata[$"{_architecture}.{key}"] = GgufValue.Of(values.AsSpan());

    private void Set(string key, float value) => _metadata[$"{_architecture}.{key}"] = GgufValue.Of(value);

    /// <summary>A number of mean 0 and variance 1.</summary>
    private float Number() => (float)(2 * (_random.NextDouble() + _random.NextDouble() + _random.NextDouble() - 1.5));
}
