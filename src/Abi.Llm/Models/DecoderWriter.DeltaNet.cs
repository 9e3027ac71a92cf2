using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>Gated delta nets (papers: Yang et al. 2024; Kimi Team 2025) and the gated attention that stands beside them in Qwen's hybrids.</summary>
internal sealed partial class DecoderWriter
{
    /// <summary>Attention whose query projection holds a gate for each head beside its query.</summary>
    private Value GatedAttention(Value x, int block)
    {
        var (heads, keyValueHeads, size) = (_numbers.Heads[block], _numbers.KeyValueHeads[block], _numbers.KeySize);
        if (heads == 0 || keyValueHeads == 0 || heads % keyValueHeads != 0 || _numbers.ValueSize != size)
        {
            throw new ModelFormatException($"Block {block} has {heads} heads of {size} over {keyValueHeads} key/value heads of {_numbers.ValueSize}; the first must be a multiple of the second, and their sizes equal", _tensors.File.Path);
        }

        var both = Projection(x, block, "attn_q", 2L * heads * size, "q_gate");
        var gate = _graph.Activate(_graph.Slice(both, size, size, heads), ActivationKind.Sigmoid);
        var q = HeadNorm(_graph.Slice(both, 0, size, heads, "q"), $"blk.{block}.attn_q_norm", size);
        var k = HeadNorm(Projection(x, block, "attn_k", (long)keyValueHeads * size, "k"), $"blk.{block}.attn_k_norm", size);
        var v = Projection(x, block, "attn_v", (long)keyValueHeads * size, "v");
        if (Rope(block) is { } rope)
        {
            (q, k) = (_graph.Rope(q, rope, "q_rope"), _graph.Rope(k, rope, "k_rope"));
        }

        var settings = AttentionSettings(block, heads, size, 0);
        var attention = Attend(q, Keep(k, v, keyValueHeads, settings), settings);
        return MatMul(_graph.Multiply(attention, gate), _tensors.Require($"blk.{block}.attn_output.weight", (long)heads * size, _numbers.EmbeddingLength), name: "attn_out");
    }

    /// <summary>Qwen's gated delta net: one decay for each value head.</summary>
    private Value DeltaNet(Value x, int block)
    {
        var prefix = $"blk.{block}.ssm_";
        var (inner, keySize, keyHeads, heads) = (Integer("ssm.inner_size"), Integer("ssm.state_size"), Integer("ssm.group_count"), Integer("ssm.time_step_rank"));
        if (inner % heads != 0 || heads % keyHeads != 0)
        {
            throw new ModelFormatException($"Block {block} has values of {inner} in {heads} heads over {keyHeads} key heads, which do not divide one another", _tensors.File.Path);
        }

        var keys = (long)keyHeads * keySize;
        var (qkv, z) = DeltaInputs(x, block, inner, keys, keyHeads);
        var (betaInput, alpha) = DeltaGates(x, prefix, heads, keyHeads);
        var beta = _graph.Activate(betaInput, ActivationKind.Sigmoid);
        alpha = _graph.Activate(_graph.AddWeight(alpha, _tensors.Require($"{prefix}dt.bias", heads)), ActivationKind.Softplus);
        var decay = _graph.MultiplyWeight(alpha, _tensors.Require($"{prefix}a", heads));
        var mixed = Convolution(qkv, prefix);
        var (q, k) = (UnitLength(_graph.Slice(mixed, 0, keys), keySize), UnitLength(_graph.Slice(mixed, keys, keys), keySize));
        if (heads > keyHeads)
        {
            // Neighbouring value heads share a key head in Qwen 3 Next; later files store values so that heads wrap around.
            var interleaved = _tensors.Has($"{prefix}ba.weight");
            (q, k) = (_graph.Repeat(q, heads / keyHeads, keyHeads, interleaved), _graph.Repeat(k, heads / keyHeads, keyHeads, interleaved));
        }

        var y = _graph.DeltaScan(q, k, _graph.Slice(mixed, 2 * keys, inner), decay, beta, heads, 1 / MathF.Sqrt(keySize), "delta");
        y = _graph.RmsNorm(y, _numbers.NormEpsilon, _tensors.Require($"{prefix}norm.weight", inner / heads), groupWidth: inner / heads);
        return MatMul(_graph.Gate(z, y, GateKind.SwiGlu), _tensors.Require($"{prefix}out.weight", inner, _numbers.EmbeddingLength), name: "ssm_out");
    }

    /// <summary>Queries, keys and values as they go into the convolution, and the output's gate: from two matrices, or from one whose parts alternate key head by key head.</summary>
    private (Value Qkv, Value Gate) DeltaInputs(Value x, int block, int inner, long keys, int keyHeads)
    {
        if (_tensors.Find($"blk.{block}.attn_qkv.weight", x.Width, (2 * keys) + inner) is { } qkv)
        {
            return (MatMul(x, qkv, name: "qkv"), MatMul(x, _tensors.Require($"blk.{block}.attn_gate.weight", x.Width, inner), name: "z"));
        }

        var all = MatMul(x, _tensors.Require($"blk.{block}.ssm_in.weight", x.Width, 2 * (keys + inner)), name: "qkvz");
        var (key, value) = (keys / keyHeads, inner / keyHeads);
        var q = _graph.Slice(all, 0, key, keyHeads);
        var k = _graph.Slice(all, key, key, keyHeads);
        var v = _graph.Slice(all, 2 * key, value, keyHeads);
        return (_graph.Concatenate([q, k, v]), _graph.Slice(all, (2 * key) + value, value, keyHeads));
    }

    private (Value Beta, Value Alpha) DeltaGates(Value x, string prefix, int heads, int keyHeads)
    {
        if (_tensors.Find($"{prefix}ba.weight", x.Width, 2L * heads) is not { } joint)
        {
            return (MatMul(x, _tensors.Require($"{prefix}beta.weight", x.Width, heads), name: "beta"), MatMul(x, _tensors.Require($"{prefix}alpha.weight", x.Width, heads), name: "alpha"));
        }

        var both = MatMul(x, joint, name: "beta_alpha");
        var share = heads / keyHeads;
        return (_graph.Slice(both, 0, share, keyHeads), _graph.Slice(both, share, share, keyHeads));
    }

    /// <summary>Kimi's delta attention: a decay for each column of a key. Bailing 3 makes decay and gate of one matrix each, and its decay has a lower bound.</summary>
    private Value KimiDeltaAttention(Value x, int block)
    {
        var prefix = $"blk.{block}.ssm_";
        var (heads, size) = (_numbers.Heads.FirstOrDefault(count => count > 0), Integer("kda.head_dim"));
        if (heads == 0)
        {
            throw new ModelFormatException($"'{_architecture.Name}.attention.head_count' names no heads", _tensors.File.Path);
        }

        var width = (long)heads * size;
        Value Input(string part) => Convolution(_graph.MatMul(x, _tensors.Require($"blk.{block}.attn_{part}.weight", x.Width, width), name: part), _tensors.Require($"{prefix}conv1d_{part}.weight", -1, -1, -1, -1), null);
        var (q, k, v) = (Input("q"), Input("k"), Input("v"));
        Value Wide(string part, string name) => _tensors.Has($"{prefix}{part}_b.weight")
            ? MatMul(MatMul(x, _tensors.Require($"{prefix}{part}_a.weight", x.Width, -1)), _tensors.Require($"{prefix}{part}_b.weight", -1, width), name: name)
            : MatMul(x, _tensors.Require($"{prefix}{part}_a.weight", x.Width, width), name: name);
        var bound = DecayBound();
        var decay = _graph.AddWeight(Wide("f", "decay"), _tensors.Require($"{prefix}dt.bias", width));
        decay = bound < 0 ? decay : _graph.Activate(decay, ActivationKind.Softplus);

        // The factor of a head for each of its columns.
        var factors = _tensors.Require($"{prefix}a", -1, -1, -1, -1);
        if (factors.Count != heads)
        {
            throw new ModelFormatException($"Tensor '{factors.Name}' has {factors.Count} elements for {heads} heads", _tensors.File.Path);
        }

        float[] columns = [.. factors.ToFloats().SelectMany(factor => Enumerable.Repeat(factor, size))];
        decay = _graph.MultiplyWeight(decay, WeightTensor.FromFloats(factors.Name, [width], columns));
        decay = bound < 0 ? _graph.Scale(_graph.Activate(decay, ActivationKind.Sigmoid), bound) : decay;
        var beta = _graph.Activate(_graph.MatMul(x, _tensors.Require($"{prefix}beta.weight", x.Width, heads)), ActivationKind.Sigmoid);
        var y = _graph.DeltaScan(UnitLength(q, size), UnitLength(k, size), v, decay, beta, heads, 1 / MathF.Sqrt(size), "delta");
        y = _graph.RmsNorm(y, _numbers.NormEpsilon, _tensors.Require($"{prefix}norm.weight", size), groupWidth: size);
        return _graph.MatMul(_graph.Gate(Wide("g", "gate"), y, GateKind.Glu), _tensors.Require($"blk.{block}.attn_output.weight", width, _numbers.EmbeddingLength), name: "attn_out");
    }

    /// <summary>The least logarithm of a decay, which is negative where the architecture has one; else 0.</summary>
    private float DecayBound()
    {
        const string Key = "kda.gate_lower_bound";
        if (!_architecture.Reads.Contains(Key, StringComparer.Ordinal))
        {
            return 0;
        }

        var isSafe = _metadata.GetBoolean($"{_architecture.Name}.kda.safe_gate", true);
        return isSafe && Number(Key, 0) is var bound and < 0 ? bound : throw new ModelFormatException($"'{_architecture.Name}.{Key}' must be negative, and 'kda.safe_gate' true", _tensors.File.Path);
    }

    /// <summary><c>x / √(Σ x² + ε)</c> over each run of a key's size.</summary>
    private Value UnitLength(Value x, int size) => _graph.Scale(_graph.RmsNorm(x, _numbers.NormEpsilon / size, null, groupWidth: size), 1 / MathF.Sqrt(size));
}
