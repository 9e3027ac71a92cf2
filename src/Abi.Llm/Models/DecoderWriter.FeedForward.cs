using System.Collections.Immutable;
using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>Feed-forward networks: plain, gated, and mixtures of experts with shared ones beside them.</summary>
internal sealed partial class DecoderWriter
{
    /// <summary>A limit of a gate that is not above this is none.</summary>
    private const float LeastLimit = 1e-6f;

    private Value FeedForward(Value x, int block)
    {
        _block = block;
        if (!_tensors.Has($"blk.{block}.ffn_gate_inp.weight"))
        {
            return DenseFeedForward(x, block);
        }

        if (_architecture.ExpertsReadBlockInput)
        {
            return _graph.Add(Experts(Norm(_blockInput!, $"blk.{block}.ffn_norm_exps"), block), DenseFeedForward(x, block));
        }

        if (_tensors.Has($"blk.{block}.pre_ffw_norm_2.weight"))
        {
            return NormedExperts(x, block);
        }

        var experts = Experts(x, block);
        return _architecture.DenseBesideExperts > 0 && _tensors.Has($"blk.{block}.ffn_up.weight")
            ? _graph.Scale(_graph.Add(DenseFeedForward(x, block), experts), _architecture.DenseBesideExperts)
            : experts;
    }

    /// <summary>
    /// The sum of a dense network and of experts, each behind a norm of its own (Gemma 4). The experts and their router read what attention left behind, the router times a scale for each column.
    /// </summary>
    private Value NormedExperts(Value x, int block)
    {
        var dense = Norm(DenseFeedForward(x, block), $"blk.{block}.post_ffw_norm_1");
        var routed = _graph.RmsNorm(_attended!, _numbers.NormEpsilon, _tensors.Require($"blk.{block}.ffn_gate_inp.scale", x.Width));
        routed = _graph.Scale(routed, 1 / MathF.Sqrt(x.Width));
        var experts = Experts(Norm(_attended!, $"blk.{block}.pre_ffw_norm_2"), block, routed);
        return _graph.Add(dense, Norm(experts, $"blk.{block}.post_ffw_norm_2"));
    }

    private Value DenseFeedForward(Value x, int block)
    {
        // Arctic's dense network is as wide as the stream.
        var width = _architecture.ExpertsReadBlockInput ? _numbers.EmbeddingLength : _numbers.FeedForwardLengths[block] / _architecture.FeedForwardDivisor;
        return Dense(x, $"blk.{block}.ffn_", "", width, _architecture.Gate, "ffn", isSparse: block < _architecture.SparseBlocks);
    }

    /// <summary>A dense network whose tensors are <c>{prefix}up{suffix}</c> and so on.</summary>
    private Value Dense(Value x, string prefix, string suffix, int width, GateKind gate, string name, bool isSparse = false)
    {
        var upName = $"{prefix}up{suffix}";
        var down = _tensors.Require($"{prefix}down{suffix}.weight", width, _numbers.EmbeddingLength);
        Value inner;
        if (_architecture.FusedGateAndUp && !_tensors.Has($"{prefix}gate{suffix}.weight"))
        {
            var both = MatMul(x, _tensors.Require($"{upName}.weight", x.Width, 2L * width), _tensors.Find($"{upName}.bias", 2L * width), $"{name}_gate_up");
            inner = _graph.Gate(_graph.Slice(both, 0, width), _graph.Slice(both, width, width), gate, name: $"{name}_act");
        }
        else
        {
            var up = MatMul(x, _tensors.Require($"{upName}.weight", x.Width, width), _tensors.Find($"{upName}.bias", width), $"{name}_up");
            inner = _tensors.FindGate(_architecture, $"{prefix}gate{suffix}.weight", x.Width, width) is { } gateWeight
                ? Gated(Outstanding(MatMul(x, gateWeight, _tensors.Find($"{prefix}gate{suffix}.bias", width), $"{name}_gate"), isSparse), up, gate, $"{name}_act")
                : _graph.Activate(up, _architecture.Activation!.Value, ActivationParameters(), $"{name}_act");
            inner = _tensors.Find($"{prefix[..^1]}.act{suffix}.scales", width) is { } scales ? DivideBy(inner, scales) : inner;
        }

        inner = PostNorm(inner, $"{prefix}sub_norm{suffix}");
        return MatMul(inner, down, _tensors.Find($"{prefix}down{suffix}.bias", _numbers.EmbeddingLength), $"{name}_out");
    }

    /// <summary>A gate's function times up.</summary>
    private Value Gated(Value gate, Value up, GateKind kind, string name)
    {
        var limit = _architecture.Limit == GateLimit.BehindFunction ? OfBlock($"{_architecture.Name}.swiglu_clamp_shexp", 0) : 0;
        if (limit > LeastLimit)
        {
            return LimitedSilu(gate, up, limit, name);
        }

        var key = $"{_architecture.Name}.hidden_activation";
        return !_architecture.ReadsActivation ? _graph.Gate(gate, up, kind, name: name) : _metadata.GetString(key, "silu") switch
        {
            "silu" => _graph.Gate(gate, up, GateKind.SwiGlu, name: name),
            "relu2" => _graph.Multiply(_graph.Activate(gate, ActivationKind.ReluSquared), up, name),
            var other => throw new ModelFormatException($"'{key}' is '{other}'; silu and relu2 are known", _tensors.File.Path),
        };
    }

    /// <summary><c>min(silu(gate), limit) × up</c>, with up between the limit and its negative.</summary>
    private Value LimitedSilu(Value gate, Value up, float limit, string name) =>
        _graph.Multiply(_graph.Clamp(_graph.Activate(gate, ActivationKind.Silu), float.NegativeInfinity, limit), _graph.Clamp(up, -limit, limit), name);

    /// <summary>The experts' weighted sum over x. The router reads the same where it is not given something else.</summary>
    private Value Experts(Value x, int block, Value? routed = null)
    {
        var prefix = $"blk.{block}.ffn_";
        var (experts, used) = (_numbers.ExpertCount, _numbers.ExpertUsedCount);
        if (experts == 0 || used == 0 || used > experts)
        {
            throw new ModelFormatException($"Block {block} routes to experts, but the metadata says {used} of {experts} are used", _tensors.File.Path);
        }

        var logits = MatMul(routed ?? (_architecture.RoutesBlockInput ? _blockInput! : x), _tensors.Require($"{prefix}gate_inp.weight", x.Width, experts), _tensors.Find($"{prefix}gate_inp.bias", experts), "router");
        var route = _graph.Route(logits, RouteSettings(prefix, experts, used), "route");
        var sum = ExpertNetworks(x, route, prefix, "exps", experts);
        sum = _tensors.Has($"{prefix}up_chexps.weight") ? _graph.Add(sum, ChunkExperts(sum, logits, prefix, experts, used), "experts_with_chunks") : sum;
        return _tensors.Has($"{prefix}up_shexp.weight") ? ScaleShared(_graph.Add(sum, SharedExpert(x, prefix), "ffn_out")) : sum;
    }

    /// <summary>The weighed sum of the chosen experts' networks, whose tensors end with a kind.</summary>
    private Value ExpertNetworks(Value x, Value route, string prefix, string kind, int experts)
    {
        var (inner, width) = ExpertInner(_architecture.WeighsExpertInput ? _graph.ExpertScale(x, route, x.Width) : x, route, prefix, kind, experts);
        var downWeight = _tensors.Require($"{prefix}down_{kind}.weight", width, _numbers.EmbeddingLength, experts);
        var downBias = _tensors.Find($"{prefix}down_{kind}.bias", _numbers.EmbeddingLength, experts);
        // Without a bias, the sum applies the experts' scales, which costs nothing.
        var scales = downBias is null ? ExpertScalesOf(downWeight) : null;
        var down = scales is null ? ExpertMatMul(inner, route, downWeight, downBias, "experts_down") : _graph.ExpertMatMul(inner, route, downWeight, null, "experts_down");
        return _graph.ExpertSum(down, route, weighted: !_architecture.WeighsExpertInput, scales, "experts");
    }

    /// <summary>GroveMoE's small experts, each of which several neighbours share: they read what the large ones made.</summary>
    private Value ChunkExperts(Value sum, Value logits, string prefix, int experts, int used)
    {
        var size = Integer("experts_per_group");
        if (experts % size != 0)
        {
            throw new ModelFormatException($"'{_architecture.Name}.experts_per_group' is {size}, which does not divide {experts} experts", _tensors.File.Path);
        }

        var chunks = experts / size;
        var route = _graph.Route(logits, RouteSettings(prefix, experts, Math.Min(used, chunks)) with { ExpertsPerChunk = size }, "chunk_route");
        return _graph.Scale(ExpertNetworks(sum, route, prefix, "chexps", chunks), Number("expert_group_scale", 0.05f));
    }

    /// <summary>The experts' gated inner rows, [rows, used × width], from one merged matrix or from two.</summary>
    private (Value Inner, long Width) ExpertInner(Value x, Value route, string prefix, string kind, int experts)
    {
        var used = route.Width / 2;
        if (_tensors.Has($"{prefix}gate_up_{kind}.weight"))
        {
            var both = _tensors.Require($"{prefix}gate_up_{kind}.weight", _numbers.EmbeddingLength, -1, experts);
            var half = (int)(both.Shape[1] / 2);
            var merged = ExpertMatMul(x, route, both, _tensors.Find($"{prefix}gate_up_{kind}.bias", both.Shape[1], experts), "experts_gate_up");
            return (GateExperts(_graph.Slice(merged, 0, half, used), _graph.Slice(merged, half, half, used)), half);
        }

        var upWeight = _tensors.Require($"{prefix}up_{kind}.weight", _numbers.EmbeddingLength, -1, experts);
        var width = upWeight.Shape[1];
        var up = ExpertMatMul(x, route, upWeight, _tensors.Find($"{prefix}up_{kind}.bias", width, experts), "experts_up");
        return _tensors.FindGate(_architecture, $"{prefix}gate_{kind}.weight", _numbers.EmbeddingLength, width, experts) is { } gate
            ? (GateExperts(ExpertMatMul(x, route, gate, _tensors.Find($"{prefix}gate_{kind}.bias", width, experts), "experts_gate"), up), width)
            : (_graph.Activate(up, _architecture.Activation!.Value, name: "experts_act"), width);
    }

    /// <summary>The experts' gate; gpt-oss's has the constants 1.702 and 7.</summary>
    private Value GateExperts(Value gate, Value up)
    {
        var limit = _architecture.Limit == GateLimit.None ? 0 : OfBlock($"{_architecture.Name}.swiglu_clamp_exp", 0);
        if (limit > LeastLimit)
        {
            if (_architecture.Limit == GateLimit.BehindFunction)
            {
                return LimitedSilu(gate, up, limit, "experts_act");
            }

            (gate, up) = (_graph.Clamp(gate, float.NegativeInfinity, limit), _graph.Clamp(up, -limit, limit));
        }

        return _graph.Gate(gate, up, _architecture.ExpertGate, _architecture.ExpertGate == GateKind.SwiGluOai ? [1.702f, 7] : [], "experts_act");
    }

    /// <summary>The numbers of an activation that has some (xIELU), which a file states for each block or once.</summary>
    private ImmutableArray<float> ActivationParameters()
    {
        if (_architecture.Activation != ActivationKind.XIelu)
        {
            return [];
        }

        static float Softplus(float x) => x > 20 ? x : MathF.Log(1 + MathF.Exp(x));
        var beta = OfBlock("xielu.beta");
        return [beta + Softplus(OfBlock("xielu.alpha_n")), Softplus(OfBlock("xielu.alpha_p")), beta, OfBlock("xielu.eps")];
    }

    /// <summary>This block's number of a key that is one number, or one for each block.</summary>
    private float OfBlock(string key, float? fallback = null)
    {
        float value;
        if (_metadata.TryGet(key, out var given) && given.Type == Gguf.GgufValueType.Array)
        {
            var values = Once(key, _metadata.GetSingleArray);
            value = _block < values.Length ? values[_block] : float.NaN;
        }
        else
        {
            value = fallback is { } otherwise ? _metadata.GetSingle(key, otherwise) : _metadata.GetSingle(key);
        }

        return float.IsFinite(value) ? value : throw new ModelFormatException($"'{key}' holds no finite number for block {_block}", _tensors.File.Path);
    }

    private RouteSettings RouteSettings(string prefix, int experts, int used)
    {
        var name = _architecture.Name;
        return new RouteSettings
        {
            Experts = experts,
            Used = used,
            // The key's numbers are llama.cpp's: 1 softmax, 2 sigmoid, 3 softmax of the chosen.
            Score = (_architecture.ReadsExpertGating ? _metadata.GetInt32($"{name}.expert_gating_func", 0) : 0) switch
            {
                1 => RouteScore.Softmax,
                2 => RouteScore.Sigmoid,
                3 => RouteScore.SoftmaxOfChosen,
                0 => _architecture.Score,
                var other => throw new ModelFormatException($"'{name}.expert_gating_func' is {other}; 1 to 3 are known", _tensors.File.Path),
            },
            SelectionBias = _tensors.Find($"{prefix}exp_probs_b.bias".Replace("ffn_", "", StringComparison.Ordinal), experts) ?? _tensors.Find($"{prefix}exp_probs_b.bias", experts),
            Normalize = !_architecture.ReadsExpertNorm ? _architecture.NormalizesExperts : _metadata.GetBoolean($"{name}.expert_weights_norm", _architecture.NormalizesExperts),
            Groups = ExpertGroups(experts),
            GroupsUsed = ExpertGroups(experts) > 1 ? Integer("expert_group_used_count") : 1,
            Scale = Optional("expert_weights_scale", 1) is var scale and not 0 ? scale : 1,
        };
    }

    private Value ScaleShared(Value sum) => _architecture.SharedExpertScale == 1 ? sum : _graph.Scale(sum, _architecture.SharedExpertScale);

    private int ExpertGroups(int experts)
    {
        var key = $"{_architecture.Name}.expert_group_count";
        var groups = _metadata.GetInt32(key, 0);
        if (groups <= 1)
        {
            return 1;
        }

        return experts % groups == 0 && experts / groups >= 2 && _metadata.GetInt32($"{_architecture.Name}.expert_group_used_count", 0) <= groups
            ? groups
            : throw new ModelFormatException($"'{key}' is {groups}; it must divide the {experts} experts into groups of two or more, and at least as many as are used", _tensors.File.Path);
    }

    private Value SharedExpert(Value x, string prefix)
    {
        var width = (int)_tensors.Require($"{prefix}up_shexp.weight", x.Width, -1).Rows;
        var shared = Dense(x, prefix, "_shexp", width, _architecture.ExpertGate, "shared");
        return _tensors.Find($"{prefix}gate_inp_shexp.weight", x.Width) is { } gate
            ? _graph.Multiply(shared, _graph.Activate(MatMul(x, gate), ActivationKind.Sigmoid))
            : shared;
    }

    /// <summary>MPT's activation scales divide.</summary>
    private Value DivideBy(Value x, Abi.Compute.Tensors.WeightTensor scales)
    {
        var inverse = scales.ToFloats();
        for (var i = 0; i < inverse.Length; i++)
        {
            inverse[i] = 1 / inverse[i];
        }

        return _graph.MultiplyWeight(x, Abi.Compute.Tensors.WeightTensor.FromFloats(scales.Name, scales.Shape.AsSpan(), inverse));
    }
}
