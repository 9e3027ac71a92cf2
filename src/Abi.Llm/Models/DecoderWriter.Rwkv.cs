using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>RWKV's time and channel mixing (papers: Peng et al. 2024 for version 6, 2025 for version 7), and the Qwen 2 models whose attention they replaced.</summary>
internal sealed partial class DecoderWriter
{
    private Value? _firstValues;

    /// <summary>A block of RWKV's own, whose second part mixes channels; null for every other.</summary>
    private Value? WriteRwkvBlock(Value x, int block)
    {
        if (!_tensors.Has($"blk.{block}.channel_mix_key.weight"))
        {
            return null;
        }

        var y = _graph.Add(Mixer(Norm(x, $"blk.{block}.attn_norm", "attn_norm"), block), x);
        var output = _graph.Add(ChannelMix(Norm(y, $"blk.{block}.attn_norm_2", "ffn_norm"), block), y, "output");

        // Version 6 halves the stream now and then, and its files' weights make up for it.
        var interval = _metadata.GetInt32($"{_architecture.Name}.rescale_every_n_layers", 0);
        return interval > 0 && (block + 1) % interval == 0 ? _graph.Scale(output, 0.5f) : output;
    }

    private Value TimeMix(Value x, int block) => _tensors.Has($"blk.{block}.time_mix_w0.weight") ? TimeMix7(x, block) : TimeMix6(x, block);

    private Value TimeMix6(Value x, int block)
    {
        var prefix = $"blk.{block}.time_mix_";
        var (width, size, rank) = (_numbers.EmbeddingLength, HeadSize(), Integer("time_mix_extra_dim"));
        var change = ChangeSinceLast(x);
        var mixed = Mix(x, change, $"{prefix}lerp_x");
        mixed = _graph.Activate(MatMul(mixed, _tensors.Require($"{prefix}w1.weight", width, 5L * rank)), ActivationKind.Tanh);
        mixed = _graph.GroupedMatMul(mixed, _tensors.Require($"{prefix}w2.weight", rank, width, 5));

        // Five mixtures of this row and the one before, for decay, key, value, receptance and gate: x + change × (learned + of the input).
        mixed = _graph.AddWeight(mixed, Lerp6(prefix, width));
        mixed = _graph.Add(_graph.Multiply(mixed, _graph.Repeat(change, 5)), _graph.Repeat(x, 5));
        Value Part(int index) => _graph.Slice(mixed, index * width, width);

        var first = _tensors.Find($"{prefix}first.weight", size, width / size);
        var keyValueWidth = _numbers.KeyValueHeads[block] is > 0 and var count ? (long)count * size : width;
        if (keyValueWidth > width || width % keyValueWidth != 0)
        {
            throw new ModelFormatException($"Block {block} has {keyValueWidth / size} key/value heads for {width / size} heads; they must divide them", _tensors.File.Path);
        }

        var r = MixProduct(Part(3), $"{prefix}receptance", width);
        var k = MixProduct(Part(1), $"{prefix}key", keyValueWidth);
        var v = MixProduct(Part(2), $"{prefix}value", keyValueWidth);
        if (keyValueWidth < width)
        {
            var (times, keyValueHeads) = ((int)(width / keyValueWidth), (int)(keyValueWidth / size));
            (k, v) = (_graph.Repeat(k, times, keyValueHeads), _graph.Repeat(v, times, keyValueHeads));
        }

        var gate = _graph.Activate(MixProduct(Part(4), $"{prefix}gate", width), first is null ? ActivationKind.Sigmoid : ActivationKind.Silu);
        var decayRank = Integer("time_decay_extra_dim");
        var w = _graph.Activate(MatMul(Part(0), _tensors.Require($"{prefix}decay_w1.weight", width, decayRank)), ActivationKind.Tanh);
        w = _graph.AddWeight(MatMul(w, _tensors.Require($"{prefix}decay_w2.weight", decayRank, width)), _tensors.Require($"{prefix}decay.weight", width));
        w = _graph.Activate(w, ActivationKind.ExpNegExp);
        Value y;
        if (first is null)
        {
            // QRWKV: gated linear attention with keys times what does not decay.
            k = Subtract(k, _graph.Multiply(k, w));
            y = _graph.GatedLinearScan(r, k, v, w, size, 1 / MathF.Sqrt(size), "wkv");
        }
        else
        {
            y = HeadsNorm(_graph.Wkv6(r, k, v, w, first, size, "wkv"), prefix, size);
        }

        return MatMul(_graph.Multiply(y, gate), _tensors.Require($"{prefix}output.weight", width, width), name: "time_mix_out");
    }

    private Value TimeMix7(Value x, int block)
    {
        var prefix = $"blk.{block}.time_mix_";
        var (width, size) = (_numbers.EmbeddingLength, HeadSize());
        var isGated = _tensors.Has($"{prefix}g1.weight") && _tensors.Has($"{prefix}g2.weight");
        var count = isGated ? 6 : 5;
        var lerp = _tensors.Require($"{prefix}lerp_fused.weight", width, 1, 1, count);
        var mixed = _graph.Add(_graph.MultiplyWeight(_graph.Repeat(ChangeSinceLast(x), count), lerp), _graph.Repeat(x, count));
        Value Part(int index) => _graph.Slice(mixed, index * width, width);

        var r = MixProduct(Part(0), $"{prefix}receptance", width);
        var k = MixProduct(Part(2), $"{prefix}key", width);
        var v = MixProduct(Part(3), $"{prefix}value", width);
        var w = _graph.Activate(MatMul(Part(1), _tensors.Require($"{prefix}w1.weight", width, -1)), ActivationKind.Tanh);
        w = _graph.AddWeight(MatMul(w, _tensors.Require($"{prefix}w2.weight", w.Width, width)), _tensors.Require($"{prefix}w0.weight", width));
        w = _graph.Activate(_graph.Scale(_graph.Activate(w, ActivationKind.Sigmoid), -0.606531f), ActivationKind.Exp);
        if (_firstValues is null)
        {
            _firstValues = v;
        }
        else
        {
            // Later blocks mix the first block's values into their own.
            v = _graph.Add(v, _graph.Multiply(Subtract(_firstValues, v), LowRankSigmoid(Part(3), $"{prefix}v")));
        }

        var a = LowRankSigmoid(Part(4), $"{prefix}a");
        var kk = _graph.L2Norm(_graph.MultiplyWeight(k, _tensors.Require($"{prefix}k_k.weight", width)), size, 1e-12f);
        var ka = _graph.MultiplyWeight(k, _tensors.Require($"{prefix}k_a.weight", width));
        k = _graph.Add(k, Subtract(_graph.Multiply(a, ka), ka));
        var y = _graph.Wkv7(r, w, k, v, _graph.Activate(kk, ActivationKind.Negate), _graph.Multiply(kk, a), size, "wkv");
        y = _tensors.Has($"{prefix}ln.weight") ? HeadsNorm(y, prefix, size) : y;

        // Every head's values again, times Σ k r ρ: a product with ρ as a matrix of one row for each head.
        var bonus = _tensors.Require($"{prefix}r_k.weight", width);
        var rows = WeightTensor.FromFloats(bonus.Name, [size, 1, width / size], bonus.ToFloats());
        y = _graph.Add(y, _graph.Multiply(v, _graph.GroupedMatMul(_graph.Multiply(k, r), rows)));
        if (isGated)
        {
            var gate = _graph.Activate(MatMul(Part(5), _tensors.Require($"{prefix}g1.weight", width, -1)), ActivationKind.Sigmoid);
            y = _graph.Multiply(y, MatMul(gate, _tensors.Require($"{prefix}g2.weight", gate.Width, width)));
        }

        return MatMul(y, _tensors.Require($"{prefix}output.weight", width, width), name: "time_mix_out");
    }

    private Value ChannelMix(Value x, int block)
    {
        var prefix = $"blk.{block}.channel_mix_";
        var change = ChangeSinceLast(x);
        var k = MatMul(Mix(x, change, $"{prefix}lerp_k"), _tensors.Require($"{prefix}key.weight", x.Width, -1), name: "channel_mix_key");
        k = _graph.Activate(k, ActivationKind.ReluSquared);
        var v = MatMul(k, _tensors.Require($"{prefix}value.weight", k.Width, x.Width), name: "channel_mix_value");
        if (!_tensors.Has($"{prefix}lerp_r.weight"))
        {
            return v;
        }

        var r = MatMul(Mix(x, change, $"{prefix}lerp_r"), _tensors.Require($"{prefix}receptance.weight", x.Width, x.Width), name: "channel_mix_receptance");
        return _graph.Multiply(_graph.Activate(r, ActivationKind.Sigmoid), v);
    }

    /// <summary>The learned shares of version 6's five mixtures, one after the other, from one tensor or from five.</summary>
    private WeightTensor Lerp6(string prefix, int width)
    {
        if (_tensors.Find($"{prefix}lerp_fused.weight", width, 1, 1, 5) is { } fused)
        {
            return fused;
        }

        float[] shares = [.. "wkvrg".SelectMany(part => _tensors.Require($"{prefix}lerp_{part}.weight", width).ToFloats())];
        return WeightTensor.FromFloats($"{prefix}lerp", [width, 1, 1, 5], shares);
    }

    private int HeadSize()
    {
        var size = Integer("wkv.head_size");
        return _numbers.EmbeddingLength % size == 0 ? size : throw new ModelFormatException($"'{_architecture.Name}.wkv.head_size' is {size}, which does not divide the width of {_numbers.EmbeddingLength}", _tensors.File.Path);
    }

    private Value ChangeSinceLast(Value x) => Subtract(_graph.ShiftRows(x), x);

    private Value Mix(Value x, Value change, string prefix) => _graph.Add(_graph.MultiplyWeight(change, _tensors.Require($"{prefix}.weight", x.Width)), x);

    private Value MixProduct(Value x, string prefix, long width) => MatMul(x, _tensors.Require($"{prefix}.weight", x.Width, width), _tensors.Find($"{prefix}.bias", width));

    /// <summary><c>σ(x W₁ W₂ + w₀)</c>.</summary>
    private Value LowRankSigmoid(Value x, string prefix)
    {
        var inner = MatMul(x, _tensors.Require($"{prefix}1.weight", x.Width, -1));
        var outer = MatMul(inner, _tensors.Require($"{prefix}2.weight", inner.Width, x.Width));
        return _graph.Activate(_graph.AddWeight(outer, _tensors.Require($"{prefix}0.weight", x.Width)), ActivationKind.Sigmoid);
    }

    private Value HeadsNorm(Value x, string prefix, int size) =>
        _graph.LayerNorm(x, 64e-5f, _tensors.Require($"{prefix}ln.weight", x.Width), _tensors.Require($"{prefix}ln.bias", x.Width), size);

    private Value Subtract(Value a, Value b) => _graph.Add(a, _graph.Activate(b, ActivationKind.Negate));
}
