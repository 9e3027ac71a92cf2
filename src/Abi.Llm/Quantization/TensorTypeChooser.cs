using Abi.Compute.Formats;

namespace Abi.Llm.Quantization;

/// <summary>
/// Chooses the format of each tensor of a model as llama-quantize does: sensitive tensors (values, the output, the first and last blocks) get
/// more bits. The rules count tensors as they go, so tensors must be asked for in <see cref="TensorNameComparer"/>'s order, each once.
/// </summary>
internal sealed class TensorTypeChooser
{
    /// <summary>Parts of names whose tensors stay as they are: small, or steering the rest.</summary>
    private static readonly string[] KeptParts =
    [
        "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight",
        "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
        "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight",
        "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
        "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    ];

    /// <summary>Parts of names that stay as they are in GLM-5 alone: what its sparse attention and its streams are steered by.</summary>
    private static readonly string[] KeptPartsOfGlm5 = ["attn_k_b.weight", "attn_v_b.weight", "attn_kv_a_mqa.weight", ".hc_", ".indexer", ".ssm_f_", ".ssm_g_"];

    private readonly QuantizationTarget _target;
    private readonly QuantizedModel _model;
    private readonly bool _pure;
    private readonly bool _hasImportance;
    private readonly bool _hasOutput;
    private readonly TensorType? _outputType;
    private readonly TensorType? _embeddingType;
    private readonly int _values;
    private int _value;
    private int _down;
    private int _gate;
    private int _up;

    public TensorTypeChooser(QuantizationTarget target, QuantizedModel model, IEnumerable<string> names, bool pure, bool hasImportance, TensorType? outputType = null, TensorType? embeddingType = null)
    {
        _target = target;
        _model = model;
        _pure = pure || target.IsPlain;
        _hasImportance = hasImportance;
        _outputType = outputType;
        _embeddingType = embeddingType;
        foreach (var role in names.Select(RoleOf))
        {
            _values += IsValue(role) ? 1 : 0;
            _hasOutput |= role == TensorRole.Output;
        }
    }

    private bool IsFalcon => _model.Architecture == "falcon";

    /// <summary>What a tensor is for, by its name.</summary>
    public static TensorRole RoleOf(string name) => name switch
    {
        "output.weight" => TensorRole.Output,
        "token_embd.weight" or "per_layer_token_embd.weight" => TensorRole.Embedding,
        _ when Has(name, "attn_qkv.weight") => TensorRole.QueryKeyValue,
        _ when Has(name, "attn_kv_b.weight") => TensorRole.KeyValue,
        _ when Has(name, "attn_v.weight") => TensorRole.Value,
        _ when Has(name, "attn_k.weight") => TensorRole.Key,
        _ when Has(name, "attn_q.weight") => TensorRole.Query,
        _ when Has(name, "attn_output.weight") => TensorRole.AttentionOutput,
        _ when Has(name, "ffn_up") => TensorRole.Up,
        _ when Has(name, "ffn_gate") => TensorRole.Gate,
        _ when Has(name, "ffn_down") => TensorRole.Down,
        _ => TensorRole.Other,
    };

    /// <summary>Whether a tensor is quantised at all: matrices named as weights, but for norms, routers, positions and small ones.</summary>
    public static bool IsQuantized(string name, ReadOnlySpan<long> shape)
    {
        // A last length of 1 does not count: [n, 1] is a vector.
        return shape.Length > 1 && shape[1..].ContainsAnyExcept(1)
            && name.EndsWith("weight", StringComparison.Ordinal)
            && name is not ("position_embd.weight" or "token_types.weight")
            && !Array.Exists(KeptParts, part => Has(name, part));
    }

    /// <summary>Whether llama-quantize refuses this format for this tensor without importance weights.</summary>
    public bool NeedsImportance(string name, TensorType type) => RoleOf(name) is not (TensorRole.Embedding or TensorRole.Output)
        && (type is TensorType.IQ3_XXS or TensorType.IQ2_XXS or TensorType.IQ2_XS or TensorType.IQ2_S or TensorType.IQ1_M or TensorType.IQ1_S || (type == TensorType.Q2_K && _target.Name == "Q2_K_S"));

    /// <summary>The format of a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">The format it has.</param>
    /// <param name="shape">Its lengths, the fastest-varying first.</param>
    public TensorType Choose(string name, TensorType type, ReadOnlySpan<long> shape)
    {
        var isGlm5 = _model.Architecture == "glm5-next";
        if (_target.IsCopy || !IsQuantized(name, shape) || (isGlm5 && Array.Exists(KeptPartsOfGlm5, part => Has(name, part))))
        {
            return type;
        }

        // What the user sets for a tensor by its role goes before the mixture, and before plain formats too.
        var role = RoleOf(name);
        var isOutput = role == TensorRole.Output || (role == TensorRole.Embedding && !_hasOutput);
        if (((role == TensorRole.Embedding ? _embeddingType : null) ?? (isOutput ? _outputType : null)) is { } chosen)
        {
            return Fit(chosen, shape[0]);
        }

        if (_target.Type is TensorType.F32 or TensorType.F16 or TensorType.BF16)
        {
            return _target.Type;
        }

        if (isGlm5 && (Has(name, "attn_q_a.weight") || Has(name, "attn_q_b.weight")))
        {
            return Fit(TensorType.Q8_0, shape[0]);
        }

        return Fit(_pure ? _target.Type : Mix(name, shape), shape[0]);
    }

    /// <summary>A format of smaller blocks of about the same size when a row is not whole blocks.</summary>
    private static TensorType Fit(TensorType type, long columns)
    {
        if (columns % BlockFormat.Get(type).BlockLength == 0)
        {
            return type;
        }

        var smaller = type switch
        {
            TensorType.IQ1_S or TensorType.IQ1_M or TensorType.IQ2_XXS or TensorType.IQ2_XS or TensorType.IQ2_S or TensorType.IQ3_XXS or TensorType.IQ3_S or TensorType.IQ4_XS => TensorType.IQ4_NL,
            TensorType.Q2_0 or TensorType.Q2_K or TensorType.Q3_K or TensorType.TQ1_0 or TensorType.TQ2_0 => TensorType.Q4_0,
            TensorType.Q4_K => TensorType.Q5_0,
            TensorType.Q5_K => TensorType.Q5_1,
            TensorType.Q6_K => TensorType.Q8_0,
            _ => TensorType.F16,
        };
        return columns % BlockFormat.Get(smaller).BlockLength == 0 ? smaller : TensorType.F16;
    }

    private static bool Has(string name, string part) => name.Contains(part, StringComparison.Ordinal);

    private static bool IsValue(TensorRole role) => role is TensorRole.Value or TensorRole.QueryKeyValue or TensorRole.KeyValue;

    /// <summary>The first and last eighth of the blocks, and every third between.</summary>
    private static bool DeservesMore(int block, int blocks) => block < blocks / 8 || block >= 7 * blocks / 8 || (block - (blocks / 8)) % 3 == 2;

    private TensorType Mix(string name, ReadOnlySpan<long> shape)
    {
        var role = RoleOf(name);
        if (role == TensorRole.Output || (!_hasOutput && role == TensorRole.Embedding))
        {
            return Output(shape[0]);
        }

        if (_target.Name == "MXFP4_MOE")
        {
            var isExperts = shape.Length > 2 && shape[2] > 1;
            return isExperts && (_model.Architecture != "bailingmoe3" || role is TensorRole.Up or TensorRole.Gate or TensorRole.Down) ? TensorType.MXFP4 : TensorType.Q8_0;
        }

        if (role == TensorRole.Embedding)
        {
            return Embedding();
        }

        if (_target.IsAnyOf("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ2_S", "IQ2_M", "IQ1_M"))
        {
            return VeryLow(role);
        }

        return role switch
        {
            TensorRole.Value or TensorRole.QueryKeyValue or TensorRole.KeyValue => Value(),
            TensorRole.Key => _model.ExpertCount == 8 ? TensorType.Q8_0 : QueryOrKey(),
            TensorRole.Query => QueryOrKey(),
            TensorRole.Down => Down(Block(name, _down++)),
            TensorRole.AttentionOutput => AttentionOutput(),
            TensorRole.Gate => GateOrUp(Block(name, _gate++)),
            TensorRole.Up => GateOrUp(Block(name, _up++)),
            _ => _target.Type,
        };
    }

    private TensorType Output(long columns)
    {
        if (_target.Name == "MXFP4_MOE" || IsFalcon || columns % BlockFormat.Get(_target.Type).BlockLength != 0)
        {
            return TensorType.Q8_0;
        }

        return _target.IsAnyOf("IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ2_S", "IQ2_M", "IQ1_M") ? TensorType.Q5_K : _target.Type == TensorType.Q8_0 ? TensorType.Q8_0 : TensorType.Q6_K;
    }

    private TensorType Embedding() => _target.Name switch
    {
        "IQ2_XXS" or "IQ2_XS" or "IQ1_S" or "IQ1_M" => TensorType.Q2_K,
        "IQ2_S" or "IQ2_M" or "IQ3_XXS" => TensorType.IQ3_S,
        "TQ1_0" or "TQ2_0" or "Q2_0" => TensorType.Q4_K,
        _ => _target.Type,
    };

    /// <summary>The mixtures of about two bits and less.</summary>
    private TensorType VeryLow(TensorRole role)
    {
        var isLarger = _target.IsAnyOf("IQ2_S", "IQ2_M");
        if (IsValue(role))
        {
            return _model.QueriesPerKey >= 4 || _model.ExpertCount >= 4 ? TensorType.Q4_K : isLarger ? TensorType.IQ3_S : TensorType.Q2_K;
        }

        if (role == TensorRole.Key && _model.ExpertCount == 8)
        {
            return TensorType.Q4_K;
        }

        if (role == TensorRole.Down)
        {
            return _down++ < _model.BlockCount / 8 ? (isLarger ? TensorType.IQ3_S : TensorType.Q2_K) : _target.Type;
        }

        if (role != TensorRole.AttentionOutput)
        {
            return _target.Type;
        }

        return _model.ExpertCount == 8 ? TensorType.Q5_K : _target.IsAnyOf("IQ1_S", "IQ1_M") ? TensorType.IQ2_XXS : isLarger ? TensorType.IQ3_S : _target.Type;
    }

    private TensorType Value()
    {
        var isShared = _model.QueriesPerKey >= 4;
        var at = _value++;
        var type = _target.Name switch
        {
            "Q2_K" => isShared ? TensorType.Q4_K : TensorType.Q3_K,
            "Q2_K_S" when isShared => TensorType.Q4_K,
            "IQ3_XXS" => isShared ? TensorType.Q4_K : _hasImportance ? TensorType.IQ3_XXS : TensorType.IQ3_S,
            "IQ3_XS" or "IQ3_S" when isShared => TensorType.Q4_K,
            "IQ3_M" => TensorType.Q4_K,
            "Q3_K_M" => at < 2 ? TensorType.Q5_K : TensorType.Q4_K,
            "Q3_K_L" => TensorType.Q5_K,
            "IQ4_NL" or "IQ4_XS" when isShared => TensorType.Q5_K,
            "Q4_K_M" or "Q5_K_M" when DeservesMore(at, _values) => TensorType.Q6_K,
            "Q4_K_S" when at < 4 => TensorType.Q5_K,
            _ => _target.Type,
        };

        // The large models share one value head among eight query heads, so more bits cost next to nothing.
        if (_model.IsSeventyBillion && type is TensorType.Q3_K or TensorType.Q4_K)
        {
            type = TensorType.Q5_K;
        }

        return _model.ExpertCount == 8 ? TensorType.Q8_0 : type;
    }

    private TensorType QueryOrKey() => _target.Name switch
    {
        "IQ3_XS" => TensorType.IQ3_XXS,
        "IQ3_XXS" => TensorType.IQ2_S,
        _ => _target.Type,
    };

    private TensorType Down(int block)
    {
        var blocks = _model.BlockCount;
        var isEarly = block < blocks / 8;
        return _target.Name switch
        {
            "Q2_K" => TensorType.Q3_K,
            "Q2_K_S" when isEarly => TensorType.Q4_K,
            "IQ3_XXS" when !_hasImportance => isEarly ? TensorType.Q4_K : TensorType.Q3_K,
            "Q3_K_M" => block < blocks / 16 ? TensorType.Q5_K : !IsFalcon || DeservesMore(block, blocks) ? TensorType.Q4_K : TensorType.Q3_K,
            "IQ3_M" when isEarly || (_model.ExpertCount == 8 && DeservesMore(block, blocks)) => TensorType.Q4_K,
            "Q3_K_L" => IsFalcon ? TensorType.Q4_K : TensorType.Q5_K,
            "Q4_K_M" when IsFalcon => block < blocks / 16 ? TensorType.Q6_K : DeservesMore(block, blocks) ? TensorType.Q5_K : TensorType.Q4_K,
            "Q4_K_M" or "Q5_K_M" when DeservesMore(block, blocks) => TensorType.Q6_K,
            "IQ4_NL" or "IQ4_XS" when isEarly && !_hasImportance => TensorType.Q5_K,
            "Q4_K_S" when isEarly && !IsFalcon => TensorType.Q5_K,
            "Q4_0" when isEarly && _hasImportance => TensorType.Q4_1,
            "Q5_0" when isEarly && _hasImportance => TensorType.Q5_1,
            _ => _target.Type,
        };
    }

    private TensorType AttentionOutput()
    {
        if (IsFalcon)
        {
            return _target.Name == "Q3_K_L" ? TensorType.Q4_K : _target.Type;
        }

        if (_model.ExpertCount == 8)
        {
            return _target.IsAnyOf("Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS") ? TensorType.Q5_K : _target.Type;
        }

        return _target.Name switch
        {
            "Q2_K" => TensorType.Q3_K,
            "IQ3_XXS" => TensorType.IQ3_S,
            "Q3_K_M" or "IQ3_M" => TensorType.Q4_K,
            "Q3_K_L" => TensorType.Q5_K,
            _ => _target.Type,
        };
    }

    private TensorType GateOrUp(int block) =>
        _target.Name == "IQ3_XS" && block >= _model.BlockCount / 8 && block < 7 * _model.BlockCount / 8 ? TensorType.IQ3_XXS : _target.Type;

    /// <summary>The block that a rule takes a tensor to be of: with experts its name says it, else it is the count of tensors of its kind so far.</summary>
    private int Block(string name, int count)
    {
        if (_model.ExpertCount <= 1)
        {
            return count;
        }

        var block = TensorNameComparer.BlockOf(name);
        return block >= 0 && block < _model.BlockCount
            ? block
            : throw new ModelFormatException($"The tensor '{name}' belongs to no block from 0 to {_model.BlockCount - 1}, so no rule of {_target.Name} applies to it; quantise with a plain type instead");
    }
}
