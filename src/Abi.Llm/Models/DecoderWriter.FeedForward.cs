using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>Feed-forward networks: plain, gated, and mixtures of experts with shared ones beside them.</summary>
internal sealed partial class DecoderWriter
{
    private Value FeedForward(Value x, int block)
    {
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
                ? _graph.Gate(Outstanding(MatMul(x, gateWeight, _tensors.Find($"{prefix}gate{suffix}.bias", width), $"{name}_gate"), isSparse), up, gate, name: $"{name}_act")
                : _graph.Activate(up, _architecture.Activation!.Value, name: $"{name}_act");
            inner = _tensors.Find($"{prefix[..^1]}.act{suffix}.scales", width) is { } scales ? DivideBy(inner, scales) : inner;
        }

        return MatMul(inner, down, _tensors.Find($"{prefix}down{suffix}.bias", _numbers.EmbeddingLength), $"{name}_out");
    }

    /// <summary>The experts' weighted sum over x. The router reads the same where it is not given something else.</summary>
    private Value Experts(Value x, int block, Value? routed = null)
    {
        _block = block;
        var prefix = $"blk.{block}.ffn_";
        var (experts, used) = (_numbers.ExpertCount, _numbers.ExpertUsedCount);
        if (experts == 0 || used == 0 || used > experts)
        {
            throw new ModelFormatException($"Block {block} routes to experts, but the metadata says {used} of {experts} are used", _tensors.File.Path);
        }

        var logits = MatMul(routed ?? (_architecture.RoutesBlockInput ? _blockInput! : x), _tensors.Require($"{prefix}gate_inp.weight", x.Width, experts), _tensors.Find($"{prefix}gate_inp.bias", experts), "router");
        var route = _graph.Route(logits, RouteSettings(prefix, experts, used), "route");
        var (inner, width) = ExpertInner(_architecture.WeighsExpertInput ? _graph.ExpertScale(x, route, x.Width) : x, route, prefix, experts);
        var downWeight = _tensors.Require($"{prefix}down_exps.weight", width, _numbers.EmbeddingLength, experts);
        var downBias = _tensors.Find($"{prefix}down_exps.bias", _numbers.EmbeddingLength, experts);
        // Without a bias, the sum applies the experts' scales, which costs nothing.
        var scales = downBias is null ? ExpertScalesOf(downWeight) : null;
        var down = scales is null ? ExpertMatMul(inner, route, downWeight, downBias, "experts_down") : _graph.ExpertMatMul(inner, route, downWeight, null, "experts_down");
        var sum = _graph.ExpertSum(down, route, weighted: !_architecture.WeighsExpertInput, scales, "experts");
        return _tensors.Has($"{prefix}up_shexp.weight") ? ScaleShared(_graph.Add(sum, SharedExpert(x, prefix), "ffn_out")) : sum;
    }

    /// <summary>The experts' gated inner rows, [rows, used × width], from one merged matrix or from two.</summary>
    private (Value Inner, long Width) ExpertInner(Value x, Value route, string prefix, int experts)
    {
        var used = route.Width / 2;
        if (_tensors.Has($"{prefix}gate_up_exps.weight"))
        {
            var both = _tensors.Require($"{prefix}gate_up_exps.weight", _numbers.EmbeddingLength, -1, experts);
            var half = (int)(both.Shape[1] / 2);
            var merged = ExpertMatMul(x, route, both, _tensors.Find($"{prefix}gate_up_exps.bias", both.Shape[1], experts), "experts_gate_up");
            return (GateExperts(_graph.Slice(merged, 0, half, used), _graph.Slice(merged, half, half, used)), half);
        }

        var upWeight = _tensors.Require($"{prefix}up_exps.weight", _numbers.EmbeddingLength, -1, experts);
        var width = upWeight.Shape[1];
        var up = ExpertMatMul(x, route, upWeight, _tensors.Find($"{prefix}up_exps.bias", width, experts), "experts_up");
        return _tensors.FindGate(_architecture, $"{prefix}gate_exps.weight", _numbers.EmbeddingLength, width, experts) is { } gate
            ? (GateExperts(ExpertMatMul(x, route, gate, _tensors.Find($"{prefix}gate_exps.bias", width, experts), "experts_gate"), up), width)
            : (_graph.Activate(up, _architecture.Activation!.Value, name: "experts_act"), width);
    }

    /// <summary>The experts' gate; gpt-oss's has the constants 1.702 and 7.</summary>
    private Value GateExperts(Value gate, Value up)
    {
        var limit = _architecture.ClampsExperts ? ExpertLimit() : 0;
        if (limit > 1e-6f)
        {
            (gate, up) = (_graph.Clamp(gate, float.NegativeInfinity, limit), _graph.Clamp(up, -limit, limit));
        }

        return _graph.Gate(gate, up, _architecture.ExpertGate, _architecture.ExpertGate == GateKind.SwiGluOai ? [1.702f, 7] : [], "experts_act");
    }

    /// <summary>The key is one number, or one for each block.</summary>
    private float ExpertLimit()
    {
        var key = $"{_architecture.Name}.swiglu_clamp_exp";
        if (!_metadata.TryGet(key, out var value) || value.Type != Gguf.GgufValueType.Array)
        {
            return Number("swiglu_clamp_exp", 0);
        }

        var limits = _metadata.GetSingleArray(key);
        return _block < limits.Length && float.IsFinite(limits[_block]) ? limits[_block] : throw new ModelFormatException($"'{key}' holds no finite number for block {_block}", _tensors.File.Path);
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
