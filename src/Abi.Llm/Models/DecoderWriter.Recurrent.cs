using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>Recurrent mixers in the place of attention: Mamba and Mamba 2.</summary>
internal sealed partial class DecoderWriter
{
    /// <summary>A block of one part, with one norm: a recurrence, attention or a feed-forward network (Mamba, Nemotron-H). Null for a block of two parts.</summary>
    private Value? WriteSinglePart(Value x, int block)
    {
        if (_tensors.Has($"blk.{block}.ffn_norm.weight") || !_architecture.HasSinglePartBlocks)
        {
            return null;
        }

        var normed = Norm(x, $"blk.{block}.attn_norm", "attn_norm");
        var isFeedForward = _tensors.Has($"blk.{block}.ffn_up.weight") || _tensors.Has($"blk.{block}.ffn_gate_inp.weight");
        return _graph.Add(isFeedForward ? FeedForward(normed, block) : Mixer(normed, block), x, "output");
    }

    /// <summary>What mixes tokens in a block, by the tensors that are there.</summary>
    private Value Mixer(Value x, int block)
    {
        if (_tensors.Has($"blk.{block}.attn_kv_a_mqa.weight"))
        {
            return LatentAttention(x, block);
        }

        if (_tensors.Has($"blk.{block}.time_mix_w1.weight"))
        {
            return TimeMix(x, block);
        }

        if (_tensors.Has($"blk.{block}.shortconv.in_proj.weight"))
        {
            return ShortConvolution(x, block);
        }

        if (_tensors.Has($"blk.{block}.ssm_f_a.weight"))
        {
            return KimiDeltaAttention(x, block);
        }

        if (_tensors.Has($"blk.{block}.ssm_ba.weight") || _tensors.Has($"blk.{block}.ssm_alpha.weight"))
        {
            return DeltaNet(x, block);
        }

        if (!_tensors.Has($"blk.{block}.ssm_in.weight"))
        {
            return _architecture.GatesAttention ? GatedAttention(x, block) : Attention(x, block);
        }

        var recurrent = _architecture.ProjectsScanParameters ? ProjectedMamba2(x, block) : _tensors.Has($"blk.{block}.ssm_x.weight") ? Mamba(x, block) : Mamba2(x, block);

        // Falcon-H1 has both side by side.
        return _tensors.Has($"blk.{block}.attn_q.weight") || _tensors.Has($"blk.{block}.attn_qkv.weight") ? _graph.Add(Attention(x, block), recurrent) : recurrent;
    }

    /// <summary>Mamba (paper: Gu and Dao 2023); Falcon-Mamba and Jamba norm Δ, B and C.</summary>
    private Value Mamba(Value x, int block)
    {
        var prefix = $"blk.{block}.ssm_";
        var (inner, states, rank) = (Integer("ssm.inner_size"), Integer("ssm.state_size"), Integer("ssm.time_step_rank"));
        var both = MatMul(x, _tensors.Require($"{prefix}in.weight", x.Width, 2L * inner), name: "ssm_in");
        var gate = _graph.Slice(both, inner, inner, name: "ssm_gate");
        var u = Convolution(_graph.Slice(both, 0, inner), prefix);
        var parameters = MatMul(u, _tensors.Require($"{prefix}x.weight", inner, rank + (2L * states)), name: "ssm_x");
        var delta = _graph.Slice(parameters, 0, rank);
        var b = _graph.Slice(parameters, rank, states);
        var c = _graph.Slice(parameters, rank + states, states);
        if (_metadata.GetBoolean($"{_architecture.Name}.ssm.dt_b_c_rms", false) || _tensors.Has($"{prefix}dt_norm.weight"))
        {
            (delta, b, c) = (ParameterNorm(delta, $"{prefix}dt_norm"), ParameterNorm(b, $"{prefix}b_norm"), ParameterNorm(c, $"{prefix}c_norm"));
        }

        delta = MatMul(delta, _tensors.Require($"{prefix}dt.weight", rank, inner), _tensors.Require($"{prefix}dt.bias", inner), "ssm_dt");
        delta = _graph.Activate(delta, ActivationKind.Softplus);
        var y = _graph.SelectiveScan(u, delta, b, c, _tensors.Require($"{prefix}a", states, inner), _tensors.Require($"{prefix}d", inner), "ssm_scan");
        y = _graph.Gate(gate, y, GateKind.SwiGlu);
        return MatMul(y, _tensors.Require($"{prefix}out.weight", inner, _numbers.EmbeddingLength), name: "ssm_out");
    }

    /// <summary>Mamba 2 (paper: Dao and Gu 2024).</summary>
    private Value Mamba2(Value x, int block)
    {
        var prefix = $"blk.{block}.ssm_";
        var (inner, states, heads, groups) = (Integer("ssm.inner_size"), Integer("ssm.state_size"), Integer("ssm.time_step_rank"), Integer("ssm.group_count"));
        if (inner % heads != 0 || inner % groups != 0 || heads % groups != 0)
        {
            throw new ModelFormatException($"Block {block} scans {inner} columns in {heads} heads and {groups} groups, which do not divide one another", _tensors.File.Path);
        }

        var parameters = (long)groups * states;
        var mixed = inner + (2 * parameters);
        var all = MatMul(x, _tensors.Require($"{prefix}in.weight", x.Width, inner + mixed + heads), name: "ssm_in");
        var gate = _graph.Slice(all, 0, inner, name: "ssm_gate");
        var u = Convolution(_graph.Slice(all, inner, mixed), prefix);
        var delta = _graph.AddWeight(_graph.Slice(all, inner + mixed, heads), _tensors.Require($"{prefix}dt.bias", heads));
        var y = _graph.HeadScan(
            _graph.Slice(u, 0, inner),
            _graph.Activate(delta, ActivationKind.Softplus),
            _graph.Slice(u, inner, parameters),
            _graph.Slice(u, inner + parameters, parameters),
            _tensors.Require($"{prefix}a", 1, heads),
            _tensors.Require($"{prefix}d", 1, heads),
            groups,
            "ssm_scan");
        y = _graph.Gate(gate, y, GateKind.SwiGlu);
        if (_tensors.Find($"{prefix}norm.weight", inner / groups, groups) is { } norm)
        {
            y = _graph.RmsNorm(y, _numbers.NormEpsilon, norm, groupWidth: inner / groups);
        }

        return MatMul(y, _tensors.Require($"{prefix}out.weight", inner, _numbers.EmbeddingLength), name: "ssm_out");
    }

    /// <summary>PLaMo 2's form of Mamba 2: gate and input alternate head by head, and B, C and Δ come from the convolved input, normed, one group for all heads.</summary>
    private Value ProjectedMamba2(Value x, int block)
    {
        var prefix = $"blk.{block}.ssm_";
        var (inner, states, heads) = (Integer("ssm.inner_size"), Integer("ssm.state_size"), Integer("ssm.time_step_rank"));
        if (inner % heads != 0)
        {
            throw new ModelFormatException($"Block {block} scans {inner} columns in {heads} heads, which do not divide them", _tensors.File.Path);
        }

        var (size, rank) = (inner / heads, Math.Max(64, _numbers.EmbeddingLength / 16));
        var both = MatMul(x, _tensors.Require($"{prefix}in.weight", x.Width, 2L * inner), name: "ssm_in");
        var gate = _graph.Slice(both, 0, size, heads, "ssm_gate");
        var u = Convolution(_graph.Slice(both, size, size, heads), prefix);
        var parameters = MatMul(u, _tensors.Require($"{prefix}x.weight", inner, rank + (2L * states)), name: "ssm_x");
        var b = ParameterNorm(_graph.Slice(parameters, 0, states), $"{prefix}b_norm");
        var c = ParameterNorm(_graph.Slice(parameters, states, states), $"{prefix}c_norm");
        var delta = ParameterNorm(_graph.Slice(parameters, 2 * states, rank), $"{prefix}dt_norm");
        delta = MatMul(delta, _tensors.Require($"{prefix}dt.weight", rank, heads), _tensors.Require($"{prefix}dt.bias", heads), "ssm_dt");
        var y = _graph.HeadScan(u, _graph.Activate(delta, ActivationKind.Softplus), b, c, _tensors.Require($"{prefix}a", heads), _tensors.Require($"{prefix}d", heads), 1, "ssm_scan");
        return MatMul(_graph.Gate(gate, y, GateKind.SwiGlu), _tensors.Require($"{prefix}out.weight", inner, _numbers.EmbeddingLength), name: "ssm_out");
    }

    /// <summary>LFM 2's gated short convolution (paper: Liquid AI 2025): <c>out(c × conv(b × x))</c>.</summary>
    private Value ShortConvolution(Value x, int block)
    {
        var prefix = $"blk.{block}.shortconv.";
        var (width, kernel) = (_numbers.EmbeddingLength, Integer("shortconv.l_cache"));
        var all = MatMul(x, _tensors.Require($"{prefix}in_proj.weight", x.Width, 3L * width), name: "shortconv_in");
        var input = _graph.Multiply(_graph.Slice(all, 0, width), _graph.Slice(all, 2 * width, width));
        var convolved = _graph.Convolve(input, _tensors.Require($"{prefix}conv.weight", kernel, width), null, "shortconv");
        return MatMul(_graph.Multiply(_graph.Slice(all, width, width), convolved), _tensors.Require($"{prefix}out_proj.weight", width, width), name: "shortconv_out");
    }

    private Value Convolution(Value x, string prefix) =>
        Convolution(x, _tensors.Require($"{prefix}conv1d.weight", Integer("ssm.conv_kernel"), x.Width), _tensors.Find($"{prefix}conv1d.bias", x.Width));

    private Value Convolution(Value x, WeightTensor kernel, WeightTensor? bias) => _graph.Activate(_graph.Convolve(x, kernel, bias, "ssm_conv"), ActivationKind.Silu);

    private Value ParameterNorm(Value x, string prefix)
    {
        WeightTensor? weight = _tensors.Find($"{prefix}.weight", x.Width);
        return _graph.RmsNorm(x, _numbers.NormEpsilon, weight);
    }
}
