using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>
/// Writes tiny models of random weights whose blocks keep recurrent state, alone or beside attention: every kind of recurrence, and every way in which it stands with attention. The
/// tensors are those that the architectures' files have.
/// </summary>
internal sealed class RecurrentModels
{
    private const int Vocabulary = 400;
    private const int Width = 32;
    private const int Blocks = 4;
    private const int Heads = 4;
    private const int KeyValueHeads = 2;
    private const int HeadSize = 8;
    private const int FeedForward = 48;
    private const int Inner = 64;   // of a recurrence
    private const int States = 8;
    private const int Rank = 4;     // Δ's, or the number of heads of Mamba 2 and delta nets
    private const int Groups = 2;
    private const int Kernel = 4;
    private readonly string _architecture;
    private readonly Dictionary<string, GgufValue> _metadata = new(StringComparer.Ordinal);
    private readonly List<WeightTensor> _tensors = [];
    private readonly Random _random = new(17);

    private RecurrentModels(string architecture) => _architecture = architecture;

    /// <summary>The architectures there are.</summary>
    public static IReadOnlyList<string> Names { get; } = ["falcon-h1", "granitehybrid", "jamba", "lfm2", "mamba2", "nemotron_h", "qwen3next", "rwkv6", "rwkv6qwen2", "rwkv7"];

    /// <summary>Writes one.</summary>
    public static void Write(string path, string architecture)
    {
        var model = new RecurrentModels(architecture);
        model.WriteHead();
        for (var block = 0; block < Blocks; block++)
        {
            model.WriteBlock($"blk.{block}.", block);
        }

        var writer = new GgufWriter(new GgufMetadata([.. model._metadata, .. SyntheticVocabulary.Create(Vocabulary)]));
        model._tensors.ForEach(writer.Add);
        writer.Write(path);
    }

    private bool IsRwkv => _architecture is "rwkv6" or "rwkv7";

    /// <summary>Whether a block attends (beside a recurrence, in Falcon-H1).</summary>
    private bool Attends(int block) => _architecture switch
    {
        "falcon-h1" => true,
        "granitehybrid" or "jamba" or "lfm2" => block == 1,
        "nemotron_h" => block == 2,
        "qwen3next" => block == 3,
        _ => false,
    };

    private void WriteHead()
    {
        _metadata["general.architecture"] = GgufValue.Of(_architecture);
        Set("vocab_size", GgufValue.Of((uint)Vocabulary));
        Set("context_length", GgufValue.Of(1024u));
        Set("embedding_length", GgufValue.Of((uint)Width));
        Set("block_count", GgufValue.Of((uint)Blocks));
        Set("feed_forward_length", GgufValue.Of((uint)FeedForward));
        Set("attention.layer_norm_rms_epsilon", GgufValue.Of(1e-5f));
        if (IsRwkv)
        {
            _metadata.Remove($"{_architecture}.attention.layer_norm_rms_epsilon");
            Set("attention.layer_norm_epsilon", GgufValue.Of(1e-5f));
        }

        if (IsRwkv || _architecture == "rwkv6qwen2")
        {
            Set("wkv.head_size", GgufValue.Of((uint)HeadSize));
            Set("time_mix_extra_dim", GgufValue.Of((uint)Rank));
            Set("time_decay_extra_dim", GgufValue.Of((uint)Rank));
        }

        if (!IsRwkv && _architecture != "mamba2")
        {
            var isEverywhere = _architecture is "falcon-h1" or "qwen3next" or "rwkv6qwen2";
            Set("attention.head_count", GgufValue.Of((uint)Heads));
            Set("attention.head_count_kv", GgufValue.Of([.. Enumerable.Range(0, Blocks).Select(block => isEverywhere || Attends(block) ? KeyValueHeads : 0)]));
            Set("attention.key_length", GgufValue.Of((uint)HeadSize));
            Set("attention.value_length", GgufValue.Of((uint)HeadSize));
            Set("rope.dimension_count", GgufValue.Of((uint)HeadSize));
            Set("rope.freq_base", GgufValue.Of(10000f));
        }

        Set("ssm.conv_kernel", GgufValue.Of((uint)Kernel));
        Set("ssm.inner_size", GgufValue.Of((uint)Inner));
        Set("ssm.state_size", GgufValue.Of((uint)States));
        Set("ssm.time_step_rank", GgufValue.Of((uint)Rank));
        Set("ssm.group_count", GgufValue.Of((uint)Groups));
        Set("shortconv.l_cache", GgufValue.Of(3u));
        if (_architecture is "jamba" or "qwen3next")
        {
            Set("expert_count", GgufValue.Of(4u));
            Set("expert_used_count", GgufValue.Of(2u));
        }

        Matrix("token_embd.weight", Width, Vocabulary);
        Matrix("output.weight", Width, Vocabulary);
        Norm(_architecture == "lfm2" ? "token_embd_norm" : "output_norm");
        if (IsRwkv)
        {
            Norm("token_embd_norm");
        }
    }

    private void WriteBlock(string prefix, int block)
    {
        Norm($"{prefix}attn_norm");
        if (IsRwkv)
        {
            Norm($"{prefix}attn_norm_2");
            WriteTimeMix(prefix, block);
            WriteChannelMix(prefix);
            return;
        }

        var isFeedForward = _architecture == "nemotron_h" && block == 1;
        if (Attends(block))
        {
            WriteAttention(prefix);
        }

        if (!isFeedForward && (!Attends(block) || _architecture == "falcon-h1"))
        {
            WriteRecurrence(prefix, block);
        }

        if (_architecture is "mamba2" || (_architecture == "nemotron_h" && !isFeedForward))
        {
            return;
        }

        WriteFeedForward(prefix, block);
    }

    private void WriteAttention(string prefix)
    {
        var isGated = _architecture == "qwen3next";
        Matrix($"{prefix}attn_q.weight", Width, Heads * HeadSize * (isGated ? 2 : 1));
        Matrix($"{prefix}attn_k.weight", Width, KeyValueHeads * HeadSize);
        Matrix($"{prefix}attn_v.weight", Width, KeyValueHeads * HeadSize);
        Matrix($"{prefix}attn_output.weight", Heads * HeadSize, Width);
        if (isGated || _architecture == "lfm2")
        {
            Ones($"{prefix}attn_q_norm.weight", HeadSize);
            Ones($"{prefix}attn_k_norm.weight", HeadSize);
        }
    }

    private void WriteRecurrence(string prefix, int block)
    {
        switch (_architecture)
        {
            case "jamba":
                WriteMamba($"{prefix}ssm_");
                break;
            case "lfm2":
                Matrix($"{prefix}shortconv.in_proj.weight", Width, 3 * Width);
                Matrix($"{prefix}shortconv.conv.weight", 3, Width);
                Matrix($"{prefix}shortconv.out_proj.weight", Width, Width);
                break;
            case "qwen3next":
                WriteDeltaNet($"{prefix}ssm_");
                break;
            case "rwkv6qwen2":
                WriteTimeMix(prefix, block);
                break;
            default:
                WriteMamba2($"{prefix}ssm_");
                break;
        }
    }

    private void WriteMamba(string prefix)
    {
        Matrix($"{prefix}in.weight", Width, 2 * Inner);
        Convolution(prefix, Inner);
        Matrix($"{prefix}x.weight", Inner, Rank + (2 * States));
        Ones($"{prefix}dt_norm.weight", Rank);
        Ones($"{prefix}b_norm.weight", States);
        Ones($"{prefix}c_norm.weight", States);
        Matrix($"{prefix}dt.weight", Rank, Inner);
        Vector($"{prefix}dt.bias", Inner);
        Add($"{prefix}a", _ => -0.1f - _random.NextSingle(), States, Inner);
        Vector($"{prefix}d", Inner);
        Matrix($"{prefix}out.weight", Inner, Width);
    }

    private void WriteMamba2(string prefix)
    {
        const int Mixed = Inner + (2 * Groups * States);
        Matrix($"{prefix}in.weight", Width, Inner + Mixed + Rank);
        Convolution(prefix, Mixed);
        Vector($"{prefix}dt.bias", Rank);
        Add($"{prefix}a", _ => -0.1f - _random.NextSingle(), 1, Rank);
        Add($"{prefix}d", _ => Normal(), 1, Rank);
        Add($"{prefix}norm.weight", _ => 1 + (0.1f * Normal()), Inner / Groups, Groups);
        Matrix($"{prefix}out.weight", Inner, Width);
    }

    private void WriteDeltaNet(string prefix)
    {
        const int Keys = Groups * States;
        Matrix($"{prefix}in.weight", Width, 2 * (Keys + Inner));
        Matrix($"{prefix}ba.weight", Width, 2 * Rank);
        Matrix($"{prefix}conv1d.weight", Kernel, (2 * Keys) + Inner);
        Vector($"{prefix}dt.bias", Rank);
        Add($"{prefix}a", _ => -0.1f - _random.NextSingle(), Rank);
        Ones($"{prefix}norm.weight", Inner / Rank);
        Matrix($"{prefix}out.weight", Inner, Width);
    }

    private void WriteTimeMix(string prefix, int block)
    {
        prefix += "time_mix_";
        var (is7, isQwen) = (_architecture == "rwkv7", _architecture == "rwkv6qwen2");
        var keyWidth = isQwen ? KeyValueHeads * HeadSize : Width;
        Matrix($"{prefix}receptance.weight", Width, Width);
        Matrix($"{prefix}key.weight", Width, keyWidth);
        Matrix($"{prefix}value.weight", Width, keyWidth);
        Matrix($"{prefix}output.weight", Width, Width);
        Add($"{prefix}lerp_fused.weight", _ => _random.NextSingle(), Width, 1, 1, is7 ? 6 : 5);
        if (!isQwen)
        {
            Ones($"{prefix}ln.weight", Width);
            Vector($"{prefix}ln.bias", Width);
        }

        if (!is7)
        {
            Add($"{prefix}lerp_x.weight", _ => _random.NextSingle(), Width);
            Matrix($"{prefix}w1.weight", Width, 5 * Rank);
            Add($"{prefix}w2.weight", _ => Normal() / MathF.Sqrt(Rank), Rank, Width, 5);
            Matrix($"{prefix}gate.weight", Width, Width);
            Matrix($"{prefix}decay_w1.weight", Width, Rank);
            Matrix($"{prefix}decay_w2.weight", Rank, Width);
            Vector($"{prefix}decay.weight", Width);
            if (!isQwen)
            {
                Add($"{prefix}first.weight", _ => Normal(), HeadSize, Width / HeadSize);
            }

            return;
        }

        foreach (var part in block == 0 ? (string[])["w", "a"] : ["w", "a", "v"])
        {
            Vector($"{prefix}{part}0.weight", Width);
            Matrix($"{prefix}{part}1.weight", Width, Rank);
            Matrix($"{prefix}{part}2.weight", Rank, Width);
        }

        Matrix($"{prefix}g1.weight", Width, Rank);
        Matrix($"{prefix}g2.weight", Rank, Width);
        Vector($"{prefix}k_k.weight", Width);
        Vector($"{prefix}k_a.weight", Width);
        Vector($"{prefix}r_k.weight", Width);
    }

    private void WriteChannelMix(string prefix)
    {
        prefix += "channel_mix_";
        Add($"{prefix}lerp_k.weight", _ => _random.NextSingle(), Width);
        Matrix($"{prefix}key.weight", Width, FeedForward);
        Matrix($"{prefix}value.weight", FeedForward, Width);
        if (_architecture == "rwkv6")
        {
            Add($"{prefix}lerp_r.weight", _ => _random.NextSingle(), Width);
            Matrix($"{prefix}receptance.weight", Width, Width);
        }
    }

    private void WriteFeedForward(string prefix, int block)
    {
        var isSinglePart = _architecture == "nemotron_h";
        if (!isSinglePart)
        {
            Norm(_architecture == "qwen3next" ? $"{prefix}post_attention_norm" : $"{prefix}ffn_norm");
        }

        if (_architecture == "qwen3next" || (_architecture == "jamba" && block % 2 == 1))
        {
            Matrix($"{prefix}ffn_gate_inp.weight", Width, 4);
            Add($"{prefix}ffn_gate_exps.weight", _ => Normal() / MathF.Sqrt(Width), Width, FeedForward, 4);
            Add($"{prefix}ffn_up_exps.weight", _ => Normal() / MathF.Sqrt(Width), Width, FeedForward, 4);
            Add($"{prefix}ffn_down_exps.weight", _ => Normal() / MathF.Sqrt(FeedForward), FeedForward, Width, 4);
            return;
        }

        Matrix($"{prefix}ffn_up.weight", Width, FeedForward);
        Matrix($"{prefix}ffn_down.weight", FeedForward, Width);
        if (!isSinglePart)
        {
            Matrix($"{prefix}ffn_gate.weight", Width, FeedForward);
        }
    }

    private void Convolution(string prefix, int columns)
    {
        Matrix($"{prefix}conv1d.weight", Kernel, columns);
        Vector($"{prefix}conv1d.bias", columns);
    }

    private void Norm(string name)
    {
        Ones($"{name}.weight", Width);
        if (IsRwkv)
        {
            Vector($"{name}.bias", Width);
        }
    }

    private void Matrix(string name, int columns, int rows) => Add(name, _ => Normal() / MathF.Sqrt(columns), columns, rows);

    private void Vector(string name, int length) => Add(name, _ => 0.3f * Normal(), length);

    private void Ones(string name, int length) => Add(name, _ => 1 + (0.1f * Normal()), length);

    private void Add(string name, Func<int, float> value, params long[] shape) =>
        _tensors.Add(WeightTensor.FromFloats(name, shape, [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(value)]));

    private void Set(string key, GgufValue value) => _metadata[$"{_architecture}.{key}"] = value;

    private float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble()));
}
