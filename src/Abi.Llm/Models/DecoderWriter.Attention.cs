using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>Attention: projections, norms of queries and keys, RoPE, sliding windows, and DeepSeek's latent form.</summary>
internal sealed partial class DecoderWriter
{
    /// <summary>The epsilon of layer norms of queries and keys where the other norms are of another kind.</summary>
    private const float HeadNormEpsilon = 1e-5f;

    private Value Attention(Value x, int block)
    {
        var (heads, kvHeads) = (_numbers.Heads[block], _numbers.KeyValueHeads[block]);
        var (keySize, valueSize, _) = HeadSizes(block);
        if (heads == 0 || kvHeads == 0 || heads % kvHeads != 0)
        {
            throw new ModelFormatException($"Block {block} has {heads} heads over {kvHeads} key/value heads; the first must be a multiple of the second", _tensors.File.Path);
        }

        if (block >= FirstSharing())
        {
            return AttendToEarlier(x, block, heads, keySize);
        }

        var (q, k, v) = Project(x, block, (long)heads * keySize, (long)kvHeads * keySize, (long)kvHeads * valueSize);
        var clamp = Optional("attention.clamp_kqv", 0);
        if (clamp > 0)
        {
            (q, k, v) = (_graph.Clamp(q, -clamp, clamp), _graph.Clamp(k, -clamp, clamp), _graph.Clamp(v, -clamp, clamp));
        }

        if (!_architecture.QueryKeyNormAfterRope)
        {
            (q, k) = (HeadNorm(q, $"blk.{block}.attn_q_norm", keySize), _tensors.Has($"blk.{block}.attn_q_norm.weight") ? HeadNorm(k, $"blk.{block}.attn_k_norm", keySize) : k);
        }

        v = _architecture.NormsValues ? _graph.RmsNorm(v, _numbers.NormEpsilon, null, groupWidth: valueSize) : v;
        if (Rope(block) is { } rope)
        {
            (q, k) = (_graph.Rope(q, rope, "q_rope"), _graph.Rope(k, rope, "k_rope"));
        }

        q = ScaleQueries(q, block);
        if (_architecture.NormsRotated && Rope(block) is not null && _numbers.ExpertCount != 128)
        {
            (q, k) = (_graph.RmsNorm(q, _numbers.NormEpsilon, null, groupWidth: keySize), _graph.RmsNorm(k, _numbers.NormEpsilon, null, groupWidth: keySize));
        }

        if (_architecture.QueryKeyNormAfterRope)
        {
            (q, k) = (HeadNorm(q, $"blk.{block}.attn_q_norm", keySize), _tensors.Has($"blk.{block}.attn_q_norm.weight") ? HeadNorm(k, $"blk.{block}.attn_k_norm", keySize) : k);
        }

        var settings = AttentionSettings(block, heads, keySize, Window(block));
        var kept = Keep(k, v, kvHeads, settings);
        _kept[IsSliding(block) ? 1 : 0] = kept;
        return AttentionOutput(Attend(q, kept, settings), x, block, heads);
    }

    private Value AttentionOutput(Value attention, Value x, int block, int heads)
    {
        attention = PostNorm(GateAttention(attention, x, block, heads), $"blk.{block}.attn_sub_norm");
        var output = MatMul(attention, _tensors.Require($"blk.{block}.attn_output.weight", attention.Width, _numbers.EmbeddingLength), _tensors.Find($"blk.{block}.attn_output.bias", _numbers.EmbeddingLength), "attn_out");
        var scale = _architecture.ScalesAttentionOutput ? Number("attention.value_scale", 1) : 1;
        return scale is 0 or 1 ? output : _graph.Scale(output, scale);
    }

    /// <summary>Attention's output times a gate that is made of its input: a number for each column, or for each head.</summary>
    private Value GateAttention(Value attention, Value x, int block, int heads)
    {
        var name = $"blk.{block}.attn_gate.weight";
        if (_tensors.Find(name, x.Width, -1) is not { } weight)
        {
            return attention;
        }

        if (weight.Rows != heads && weight.Rows != attention.Width)
        {
            throw new ModelFormatException($"Tensor '{name}' has {weight.Rows} rows; {heads} (for each head) or {attention.Width} (for each column) are possible", _tensors.File.Path);
        }

        var (gate, scale) = (MatMul(x, weight, name: "attn_gate"), _architecture.AttentionGateScale);
        gate = scale == 1
            ? _graph.Activate(gate, _architecture.AttentionGate)
            : _graph.Scale(_graph.Activate(_graph.Scale(gate, scale), _architecture.AttentionGate), 1 / scale);
        return _graph.Multiply(attention, gate);
    }

    private KeysAndValues Keep(Value keys, Value values, int heads, AttentionSettings settings)
    {
        if (IsBidirectional)
        {
            return new KeysAndValues(keys, values, heads, null);
        }

        var layer = _graph.AddCacheLayer(heads, keys.Width / heads, values.Width / heads, window: settings.Window);
        _graph.Store(keys, values, layer);
        return new KeysAndValues(keys, values, heads, layer);
    }

    private Value Attend(Value queries, KeysAndValues kept, AttentionSettings settings) => kept.Layer is { } layer
        ? _graph.Attend(queries, layer, settings, "attn")
        : _graph.AttendWithin(queries, kept.Keys, kept.Values, kept.Heads, settings with { Causal = false }, "attn");

    /// <summary>Attention of a block that makes queries alone, over the keys and values of the last block of its kind (sliding or not) that made any.</summary>
    private Value AttendToEarlier(Value x, int block, int heads, int keySize)
    {
        var kept = _kept[IsSliding(block) ? 1 : 0] ?? throw new ModelFormatException($"Block {block} shares the keys and values of an earlier block that slides as it does, but there is none", _tensors.File.Path);
        var q = HeadNorm(Projection(x, block, "attn_q", (long)heads * keySize, "q"), $"blk.{block}.attn_q_norm", keySize);
        q = Rope(block) is { } rope ? _graph.Rope(q, rope, "q_rope") : q;
        return AttentionOutput(Attend(q, kept, AttentionSettings(block, heads, keySize, Window(block))), x, block, heads);
    }

    /// <summary>The first of the blocks at the end that make no keys and values; one behind the last where all do.</summary>
    private int FirstSharing()
    {
        var key = $"{_architecture.Name}.attention.shared_kv_layers";
        var count = _architecture.SharesKeysAndValues ? _metadata.GetInt32(key, 0) : 0;
        return count >= 0 && count < _numbers.BlockCount ? _numbers.BlockCount - count : throw new ModelFormatException($"'{key}' is {count} of {_numbers.BlockCount} blocks; the first must make keys and values", _tensors.File.Path);
    }

    /// <summary>The columns of one key and one value, and how many of a key's rotate. Sliding blocks may have sizes of their own.</summary>
    private (int Key, int Value, int Rotated) HeadSizes(int block)
    {
        int Size(string key, int common) => IsSliding(block) && _metadata.Contains($"{_architecture.Name}.{key}") ? Integer(key) : common;
        return (Size("attention.key_length_swa", _numbers.KeySize), Size("attention.value_length_swa", _numbers.ValueSize), Size("rope.dimension_count_swa", _numbers.RotaryDimensions));
    }

    private int Window(int block) => !IsSliding(block) ? 0 : _architecture.FixedWindow > 0 ? _architecture.FixedWindow : SlidingWindow;

    private AttentionSettings AttentionSettings(int block, int heads, int keySize, int window)
    {
        return new AttentionSettings
        {
            Heads = heads,
            Scale = ScoreScale(heads, keySize),
            Window = window,
            ChunkedWindow = _architecture.HasChunkedWindow && window > 0,
            SoftCap = _architecture.CapsScores ? Number("attn_logit_softcapping", 0) : 0,
            AlibiMaxBias = _architecture.AlibiBlockCount == 0 || _architecture.AlibiBlockCount == _numbers.BlockCount ? Optional("attention.max_alibi_bias", _architecture.AlibiMaxBias) : 0,
            Sinks = _tensors.Find($"blk.{block}.attn_sinks.weight", heads),
        };
    }

    /// <summary>What scores are multiplied by.</summary>
    private float ScoreScale(int heads, int keySize)
    {
        if (_architecture.ReadsScoreScale)
        {
            return Number("attention.output_scale", 1);
        }

        var scale = Optional("attention.scale", 0);
        var divisor = _architecture.WidthScaledBlockCount == _numbers.BlockCount ? _numbers.EmbeddingLength / heads : keySize;
        return scale != 0 ? scale : _architecture.ScalesScoresByWidth ? 1f / keySize : 1 / MathF.Sqrt(divisor);
    }

    /// <summary>Whether every token sees all tokens of its step: encoders, language diffusion models, and embeddings of models whose file says so. Text is always written from front to back.</summary>
    private bool IsBidirectional => _architecture.IsBidirectional || (_architecture.Machine == ModelMachine.PreNormEncoder && !_architecture.ReadsCausal) || (_isForEmbeddings && !_metadata.GetBoolean($"{_architecture.Name}.attention.causal", true));

    /// <summary>Queries, keys and values from one fused matrix or from three.</summary>
    private (Value Q, Value K, Value V) Project(Value x, int block, long qWidth, long kWidth, long vWidth)
    {
        if (_tensors.Find($"blk.{block}.attn_qkv.weight", x.Width, qWidth + kWidth + vWidth) is { } fused)
        {
            var qkv = MatMul(x, fused, _tensors.Find($"blk.{block}.attn_qkv.bias", qWidth + kWidth + vWidth), "qkv");
            return (_graph.Slice(qkv, 0, qWidth, name: "q"), _graph.Slice(qkv, qWidth, kWidth, name: "k"), _graph.Slice(qkv, qWidth + kWidth, vWidth, name: "v"));
        }

        var (q, k) = (Projection(x, block, "attn_q", qWidth, "q"), Projection(x, block, "attn_k", kWidth, "k"));
        if (_tensors.Has($"blk.{block}.attn_v_exps.weight"))
        {
            return (q, k, RoutedValues(x, block, vWidth));
        }

        return (q, k, _architecture.KeysMayBeValues && !_tensors.Has($"blk.{block}.attn_v.weight") ? k : Projection(x, block, "attn_v", vWidth, "v"));
    }

    /// <summary>K2 Horizon's mixture of values: <c>Σ w silu(W x)</c> over the chosen ones of several matrices.</summary>
    private Value RoutedValues(Value x, int block, long width)
    {
        var prefix = $"blk.{block}.attn_v_";
        var (experts, used) = (Integer("attention.value_expert_count"), Integer("attention.value_expert_used_count"));
        var logits = MatMul(x, _tensors.Require($"{prefix}gate.weight", x.Width, experts), name: "value_router");
        var route = _graph.Route(logits, RouteSettings(prefix, experts, used) with { SelectionBias = _tensors.Find($"{prefix}gate.bias", experts) }, "value_route");
        var values = _graph.ExpertMatMul(x, route, _tensors.Require($"{prefix}exps.weight", x.Width, width, experts), name: "value_experts");
        return _graph.ExpertSum(_graph.Activate(values, ActivationKind.Silu), route, weighted: true, name: "v");
    }

    private Value Projection(Value x, int block, string tensor, long width, string name) =>
        MatMul(x, _tensors.Require($"blk.{block}.{tensor}.weight", x.Width, width), _tensors.Find($"blk.{block}.{tensor}.bias", width), name);

    /// <summary>A norm of queries or keys: over each head, or over the whole width, as wide as its weight is.</summary>
    private Value HeadNorm(Value x, string prefix, int headSize)
    {
        if (!_tensors.Has($"{prefix}.weight"))
        {
            return _architecture.NormsKeysBare ? Norm(x, null, null, headSize) : x;
        }

        var weight = _tensors.Require($"{prefix}.weight", -1, -1);
        if (_architecture.HasBareNorms && weight.Shape.Length == 2 && weight.Shape[0] == 1 && weight.Rows * headSize == x.Width)
        {
            // Talkie: one number for each head.
            var perHead = weight.ToFloats();
            var perColumn = new float[x.Width];
            for (var i = 0; i < perColumn.Length; i++)
            {
                perColumn[i] = perHead[i / headSize];
            }

            return _graph.MultiplyWeight(Norm(x, null, null, headSize), WeightTensor.FromFloats(weight.Name, [x.Width], perColumn));
        }

        if (weight.Count != headSize && weight.Count != x.Width)
        {
            throw new ModelFormatException($"Tensor '{weight.Name}' has {weight.Count} elements; {headSize} (for each head) or {x.Width} (for all) are possible", _tensors.File.Path);
        }

        // A weight of a row for each head (StableLM, Command R) norms each head by itself.
        var group = weight.Shape.Length > 1 || weight.Count == headSize || _architecture.NormsEachHead ? headSize : x.Width;
        var bias = _tensors.Find($"{prefix}.bias", -1, -1);
        return _architecture.LayerNormsHeads ? _graph.LayerNorm(x, HeadNormEpsilon, weight, bias, group) : Norm(x, weight, bias, group);
    }

    private bool IsSliding(int block)
    {
        if (!HasSliding)
        {
            return false;
        }

        var key = $"{_architecture.Name}.attention.sliding_window_pattern";
        if (_metadata.TryGet(key, out var pattern) && pattern.Type == Gguf.GgufValueType.Array)
        {
            var sliding = Once(key, _metadata.GetBooleanArray);
            return block < sliding.Length && sliding[block];
        }

        var period = _metadata.GetInt32(key, _architecture.SlidingPeriod);
        return period == 0 || (period > 1 && (_architecture.SlidingPeriodStartsFull ? block % period != 0 : block % period < period - 1));
    }

    private RopeSettings? Rope(int block)
    {
        if (_architecture.Rope is not { } pairing
            || (_architecture.RopeBlockCount > 0 && _architecture.RopeBlockCount != _numbers.BlockCount)
            || (_architecture.RotatesOnlySliding && HasSliding && !IsSliding(block) && !(_architecture.RotatesDenseLead && block < _metadata.GetInt32($"{_architecture.Name}.leading_dense_block_count", 0)))
            || !HasRopePattern(block)
            || (_architecture.RotatesIfFinetuned && !_metadata.GetBoolean($"{_architecture.Name}.rope.scaling.finetuned", true))
            || !RotatesByInterval(block))
        {
            return null;
        }

        pairing = HasRopeSections ? RopePairing.Halves : pairing;
        var (keySize, _, rotated) = HeadSizes(block);
        var hasFactors = !_architecture.FactorsSpareSliding || !IsSliding(block);
        var settings = RopeSettings(pairing, keySize, 0, rotated) with { FrequencyFactors = hasFactors ? FrequencyFactors(rotated) : null };
        if (!IsSliding(block))
        {
            return _architecture.HalvesFullRotation ? settings with { Rotated = _numbers.RotaryDimensions / 2 } : settings;
        }

        settings = _architecture.HalvesFullRotation ? settings with { FrequencyFactors = null } : settings;

        var given = _architecture.SlidingRopeBase > 0 ? _architecture.SlidingRopeBase : _numbers.RopeFrequencyBase;
        settings = settings with { FrequencyBase = _architecture.ReadsSlidingRopeBase ? Number("rope.freq_base_swa", given) : given };
        return _architecture.SlidingRope switch
        {
            SlidingRopeScaling.Same => settings,
            SlidingRopeScaling.FrequenciesUnscaled => settings with { FrequencyScale = 1 },
            _ => settings with { FrequencyScale = 1, ExtrapolationFactor = 0, AttentionFactor = 1 },
        };
    }

    /// <summary>Whether positions have several dimensions, which are laid out for pairs of halves whatever the architecture's pairs are otherwise (GLM 4 beside GLM 4.1 V).</summary>
    private bool HasRopeSections
    {
        get
        {
            var key = $"{_architecture.Name}.rope.dimension_sections";
            return _architecture.ReadsRopeSections && _metadata.Contains(key) && Once(key, _metadata.GetInt32Array) is [> 0, > 0, ..];
        }
    }

    private bool RotatesByInterval(int block)
    {
        var interval = _architecture.NoRopeInterval;
        if (interval == 0 || (_architecture.NoRopeStartsFirst && !HasSliding))
        {
            return true;
        }

        // A Llama 4 whose file says that nothing slides rotates in all blocks but the last.
        interval = _architecture.HasChunkedWindow && IsFull ? _numbers.BlockCount : interval;
        return _architecture.NoRopeStartsFirst ? block % interval != 0 : (block + 1) % interval != 0;
    }

    /// <summary>Whether the file says that the window is none, which Llama 4 tells from saying nothing.</summary>
    private bool IsFull => _metadata.Contains($"{_architecture.Name}.attention.sliding_window") && _numbers.SlidingWindow == 0;

    private Value ScaleQueries(Value q, int block)
    {
        if (_architecture.Temperature == QueryTemperature.WithoutRope)
        {
            return IsFull || Rope(block) is not null ? q : _graph.ScaleByPosition(q, 0.1f, 8192, 1, "q_scaled");
        }

        var factor = _architecture.Temperature == QueryTemperature.ByKey ? Number("attention.temperature_scale", 0) : 0;
        if (factor == 0)
        {
            return q;
        }

        var length = _tensors.Has("blk.0.attn_kv_a_mqa.weight") ? Number("attention.temperature_length", 0) : _numbers.RopeOriginalContext;
        return length >= 1 ? _graph.ScaleByPosition(q, factor, length, 0, "q_scaled") : throw new ModelFormatException($"'{_architecture.Name}.attention.temperature_scale' is {factor} without an 'attention.temperature_length' of 1 or more", _tensors.File.Path);
    }

    /// <summary>The window of sliding blocks: the key, which may say 0, or what holds without one.</summary>
    private int SlidingWindow => _metadata.Contains($"{_architecture.Name}.attention.sliding_window") ? _numbers.SlidingWindow : _architecture.DefaultWindow;

    /// <summary>Whether any block slides.</summary>
    private bool HasSliding => (SlidingWindow > 0 || (_architecture.HasChunkedWindow && !IsFull)) && _architecture.SlidingPeriod >= 0 && (_architecture.SlidingBlockCount == 0 || _numbers.BlockCount == _architecture.SlidingBlockCount);

    /// <summary>What <c>attention.rope_pattern</c> says of a block, where it is read; without it, all rotate.</summary>
    private bool HasRopePattern(int block)
    {
        var key = $"{_architecture.Name}.attention.rope_pattern";
        if (!_architecture.Reads.Contains("attention.rope_pattern", StringComparer.Ordinal) || !_metadata.TryGet(key, out var pattern) || pattern.Type != Gguf.GgufValueType.Array)
        {
            return true;
        }

        var rotates = Once(key, _metadata.GetBooleanArray);
        return block >= rotates.Length || rotates[block];
    }

    /// <summary>RoPE with the model's scaling. YaRN's magnitude is what llama.cpp derives: the device multiplies by <c>1 + 0.1 ln factor</c>, so that is divided out first.</summary>
    private RopeSettings RopeSettings(RopePairing pairing, int headSize, int offset, int rotated)
    {
        var isYarn = string.Equals(_numbers.RopeScaling, "yarn", StringComparison.Ordinal);
        var extrapolation = Optional("rope.scaling.yarn_ext_factor", -1);
        extrapolation = extrapolation < 0 ? (isYarn ? 1 : 0) : extrapolation;
        var magnitude = RopeMagnitude(extrapolation);

        return new RopeSettings
        {
            HeadSize = headSize,
            Offset = offset,
            Rotated = rotated,
            Pairing = pairing,
            FrequencyBase = FrequencyBase(),
            FrequencyScale = _numbers.RopeFrequencyScale,
            ExtrapolationFactor = extrapolation,
            AttentionFactor = magnitude,
            BetaFast = Optional("rope.scaling.yarn_beta_fast", 32),
            BetaSlow = Optional("rope.scaling.yarn_beta_slow", 1),
            OriginalContext = _numbers.RopeOriginalContext,
        };
    }

    /// <summary>The base of the frequencies; in files that state an α (NTK-aware scaling) it is <c>base × α^(d / (d − 2))</c> of the key size d.</summary>
    private float FrequencyBase()
    {
        var alpha = Optional("rope.scaling.alpha", 0);
        return alpha > 0 && _numbers.KeySize > 2 ? _numbers.RopeFrequencyBase * MathF.Pow(alpha, _numbers.KeySize / (_numbers.KeySize - 2f)) : _numbers.RopeFrequencyBase;
    }

    /// <summary>What sine and cosine are multiplied by before the device's own factor.</summary>
    private float RopeMagnitude(float extrapolation)
    {
        var factor = 1 / _numbers.RopeFrequencyScale;
        var magnitude = Number("rope.scaling.attn_factor", 1);
        if (extrapolation == 0)
        {
            return magnitude;
        }

        // DeepSeek 2 alone states the multiplier of all dimensions for one of them too.
        var all = YarnMultiplier;
        var one = _architecture.Name == "deepseek2" && all != 1 ? all : 1;
        var yarn = all != 0 ? YarnMagnitude(factor, one) / YarnMagnitude(factor, all) : YarnMagnitude(factor, 1);
        return magnitude * yarn / (1 + (0.1f * MathF.Log(factor)));
    }

    private float YarnMultiplier => _architecture.YarnMultiplierScale == 0 ? 0 : Number("rope.scaling.yarn_log_multiplier", 0) * _architecture.YarnMultiplierScale;

    private static float YarnMagnitude(float factor, float multiplier) => factor <= 1 ? 1 : (0.1f * multiplier * MathF.Log(factor)) + 1;

    /// <summary>Llama 3's divisors, or Phi-3's short ones (long ones beyond the original context).</summary>
    private WeightTensor? FrequencyFactors(int rotated)
    {
        var half = rotated / 2;
        return _tensors.Find("rope_freqs.weight", half)
            ?? (_numbers.ContextLength > _numbers.RopeOriginalContext ? _tensors.Find("rope_factors_long.weight", half) : null)
            ?? _tensors.Find("rope_factors_short.weight", half)
            ?? SectionFactors(half);
    }

    /// <summary>
    /// RoPE in several dimensions (paper: Wang et al. 2024, Qwen2-VL): text stands at the same place in the first three and at 0 in the fourth, so columns of the fourth do not rotate:
    /// an endless divisor. Null where all rotate.
    /// </summary>
    private WeightTensor? SectionFactors(int half)
    {
        var key = $"{_architecture.Name}.rope.dimension_sections";
        if (!_architecture.ReadsRopeSections || !_metadata.Contains(key))
        {
            return null;
        }

        var sections = Once(key, _metadata.GetInt32Array);
        if (sections.Length < 3 || sections.Any(length => length is < 0 or > 1 << 20))
        {
            throw new ModelFormatException($"'{key}' is [{string.Join(", ", sections)}]; it must be three or four lengths", _tensors.File.Path);
        }

        var all = sections.Take(4).Sum();
        if (all == 0)
        {
            return null;
        }

        var factors = new float[half];
        for (var i = 0; i < half; i++)
        {
            var column = i % all;
            var rotates = _architecture.InterleavesRopeSections ? column < 3 * sections[column % 3] : column < sections[0] + sections[1] + sections[2];
            factors[i] = rotates ? 1 : float.PositiveInfinity;
        }

        return Array.TrueForAll(factors, factor => factor == 1) ? null : WeightTensor.FromFloats("rope_sections", [half], factors);
    }

    /// <summary>
    /// DeepSeek V2's latent attention (paper: DeepSeek-AI 2024) in its expanded form: keys and values are made from a narrow latent row, and every head shares one rotated part of the key.
    /// </summary>
    private Value LatentAttention(Value x, int block)
    {
        var heads = _numbers.Heads[block];
        var latent = Integer("attention.kv_lora_rank");
        var rotated = _numbers.RotaryDimensions;
        var split = _tensors.Has($"blk.{block}.attn_k_b.weight");
        var keySize = split ? Integer("attention.key_length_mla") : _numbers.KeySize;
        var valueSize = split ? Integer("attention.value_length_mla") : _numbers.ValueSize;
        var plain = keySize - rotated;
        if (plain < 0 || (split && plain == 0))
        {
            throw new ModelFormatException($"Keys of {keySize} cannot hold {rotated} rotated columns and others", _tensors.File.Path);
        }

        var q = LatentQueries(x, block, (long)heads * keySize);
        var compressed = MatMul(x, _tensors.Require($"blk.{block}.attn_kv_a_mqa.weight", x.Width, latent + rotated), name: "kv_compressed");
        var kv = Norm(_graph.Slice(compressed, 0, latent), $"blk.{block}.attn_kv_a_norm");
        var rope = RopeSettings(HasRopeSections ? RopePairing.Halves : _architecture.Rope ?? RopePairing.Neighbours, rotated, 0, rotated) with { FrequencyFactors = _architecture.LatentRopeHasFactors ? FrequencyFactors(rotated) : null };
        var sharedKey = _graph.Slice(compressed, latent, rotated);
        if (_architecture.Rope is not null)
        {
            (sharedKey, q) = (_graph.Rope(sharedKey, rope, "k_rope"), _graph.Rope(q, rope with { HeadSize = keySize, Offset = plain }, "q_rope"));
        }

        Value keys;
        Value values;
        if (split)
        {
            // attn_k_b is stored for the absorbed form, [plain, latent, heads]: its transpose makes keys. The absorbed form scores q·(Wᵀc) = (W q)·c.
            var absorbed = _graph.GroupedMatMul(_graph.Slice(q, 0, plain, heads), _tensors.Require($"blk.{block}.attn_k_b.weight", plain, latent, heads), "q_absorbed");
            q = _graph.Concatenate([absorbed, _graph.Slice(q, plain, rotated, heads)], heads);
            q = ScaleQueries(q, block);
            keys = _graph.Concatenate([kv, sharedKey]);
            var layer = _graph.AddCacheLayer(1, latent + rotated, latent);
            _graph.Store(keys, kv, layer);
            var mixed = _graph.Attend(q, layer, AttentionSettings(block, heads, keySize, 0) with { Scale = LatentScale(keySize) }, "attn_latent");
            values = _graph.GroupedMatMul(mixed, _tensors.Require($"blk.{block}.attn_v_b.weight", latent, valueSize, heads), "attn");
        }
        else
        {
            q = ScaleQueries(q, block);
            var expanded = MatMul(kv, _tensors.Require($"blk.{block}.attn_kv_b.weight", latent, (long)heads * (plain + valueSize)), name: "kv");
            keys = plain == 0 ? _graph.Concatenate([sharedKey], heads, [true], "k") : _graph.Concatenate([_graph.Slice(expanded, 0, plain, heads), sharedKey], heads, [false, true], "k");
            var layer = _graph.AddCacheLayer(heads, keySize, valueSize);
            _graph.Store(keys, _graph.Slice(expanded, plain, valueSize, heads), layer);
            values = _graph.Attend(q, layer, AttentionSettings(block, heads, keySize, 0) with { Scale = LatentScale(keySize) }, "attn");
        }

        values = GateAttention(values, x, block, heads);
        return MatMul(values, _tensors.Require($"blk.{block}.attn_output.weight", (long)heads * valueSize, _numbers.EmbeddingLength), name: "attn_out");
    }

    private Value LatentQueries(Value x, int block, long width)
    {
        if (!_tensors.Has($"blk.{block}.attn_q_a.weight"))
        {
            return MatMul(x, _tensors.Require($"blk.{block}.attn_q.weight", x.Width, width), name: "q");
        }

        var rank = Integer("attention.q_lora_rank");
        var compressed = Norm(MatMul(x, _tensors.Require($"blk.{block}.attn_q_a.weight", x.Width, rank)), $"blk.{block}.attn_q_a_norm");
        return MatMul(compressed, _tensors.Require($"blk.{block}.attn_q_b.weight", rank, width), name: "q");
    }

    /// <summary>The score's scale with YaRN's magnitude squared, since only a part of the key is rotated (and so magnified).</summary>
    private float LatentScale(int keySize)
    {
        if (!_architecture.MagnifiesLatentScores)
        {
            return 1 / MathF.Sqrt(keySize);
        }

        // The device's own factor, which RoPE's magnitude leaves out, belongs to the score's.
        var logarithm = MathF.Log(1 / _numbers.RopeFrequencyScale);
        var rope = RopeSettings(RopePairing.Neighbours, _numbers.RotaryDimensions, 0, _numbers.RotaryDimensions).AttentionFactor * (1 + (0.1f * logarithm));
        var magnitude = rope * (1 + (0.1f * YarnMultiplier * logarithm));
        return magnitude * magnitude / MathF.Sqrt(keySize);
    }

    private int Integer(string key)
    {
        var value = _metadata.GetInt32($"{_architecture.Name}.{key}");
        return value is > 0 and <= 1 << 20 ? value : throw new ModelFormatException($"'{_architecture.Name}.{key}' is {value}; it must be between 1 and {1 << 20}", _tensors.File.Path);
    }
}
