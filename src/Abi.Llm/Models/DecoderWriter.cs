using Abi.Compute.Graphs;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>
/// Writes the graph of any decoder whose blocks are attention and a feed-forward network, from its line in <see cref="ArchitectureTable"/>, its metadata and the tensors that are there.
/// </summary>
internal sealed partial class DecoderWriter
{
    private readonly ModelTensors _tensors;
    private readonly GgufMetadata _metadata;
    private readonly Architecture _architecture;
    private readonly Hyperparameters _numbers;
    private readonly NormKind _norm;
    private Value? _embedded;
    private Value? _blockInput;
    private Value? _attended;
    private Value? _layerEmbeddings;
    private Value[]? _streams;
    private readonly KeysAndValues?[] _kept = new KeysAndValues?[2]; // by the last block that does not slide, and by the last that does
    private readonly Dictionary<string, Array> _arrays = new(StringComparer.Ordinal); // of the metadata, by key
    private int _block;
    private bool _isForEmbeddings;
    private GraphBuilder _graph = new();

    public DecoderWriter(GgufFile file, Architecture architecture, Hyperparameters numbers)
    {
        _tensors = new ModelTensors(file, architecture.Ignored);
        _metadata = file.Metadata;
        _architecture = architecture;
        if (architecture.Refuses.FirstOrDefault(key => _metadata.GetBoolean($"{architecture.Name}.{key}", false)) is { } refused)
        {
            throw new UnsupportedModelException($"Models of '{architecture.Name}' whose '{architecture.Name}.{refused}' is true are not supported (file '{file.Path}').");
        }

        _numbers = numbers;
        var hasRmsEpsilon = _metadata.GetSingle($"{architecture.Name}.attention.layer_norm_rms_epsilon", 0) > 0;
        _norm = architecture.Norm != NormKind.ByEpsilon ? architecture.Norm : hasRmsEpsilon ? NormKind.Rms : NormKind.Layer;
    }

    /// <summary>Ids to logits.</summary>
    /// <param name="everyRow">Whether every block computes every token, also where nothing that follows needs it.</param>
    public Graph Write(bool everyRow = false)
    {
        (_graph, _isForEmbeddings) = (new GraphBuilder(), false);
        var x = WriteBlocks(everyRow);
        x = Norm(x.Rows == RowSpace.Outputs ? x : _graph.SelectOutputs(x), _architecture.FinalNorm, name: "result_norm");
        _graph.AddPoint(ActivationPoint.FinalNormName, x);
        var output = _tensors.Find("output.weight", _numbers.EmbeddingLength, _numbers.VocabularySize) ?? _tensors.Require("token_embd.weight", _numbers.EmbeddingLength, _numbers.VocabularySize);
        var (scale, cap) = (LogitScale(), _architecture.CapsLogits ? Number("final_logit_softcapping", 0) : 0);
        var (first, end) = (_architecture.NeverNext.First, Math.Min(_architecture.NeverNext.End, _numbers.VocabularySize));
        var hasLeast = end > first;
        var logits = MatMul(x, output, _tensors.Find("output.bias", _numbers.VocabularySize), scale == 0 && cap <= 0 && !hasLeast ? "logits" : "result_output");
        if (scale != 0)
        {
            logits = _graph.Scale(logits, scale, name: cap <= 0 ? "logits" : null);
        }

        logits = cap > 0 ? _graph.SoftCap(logits, cap, "logits") : logits;
        if (hasLeast)
        {
            var least = new float[_numbers.VocabularySize];
            least.AsSpan(first..end).Fill(float.MinValue);
            logits = _graph.AddWeight(logits, WeightTensor.FromFloats("never_next", [least.Length], least), "logits");
        }

        _graph.AddOutput(logits);
        return _graph.Build();
    }

    /// <summary>Ids to hidden states behind the last norm.</summary>
    public Graph WriteEmbeddings(EmbeddingPooling pooling)
    {
        (_graph, _isForEmbeddings) = (new GraphBuilder(), true);
        PoolingHead.Write(_graph, _tensors, _architecture.Name, _numbers.NormEpsilon, Norm(WriteBlocks(everyRow: true), _architecture.FinalNorm, name: "result_norm"), pooling);
        return _graph.Build();
    }

    private Value WriteBlocks(bool everyRow)
    {
        _firstValues = null;
        Array.Clear(_kept);
        var x = Embed();
        _embedded = x;
        _layerEmbeddings = _architecture.HasLayerEmbeddings ? LayerEmbeddings(x) : null;
        _streams = _architecture.HasStreams ? BeginStreams(x) : null;
        _graph.AddPoint(ActivationPoint.EmbeddingsName, x);
        var loops = Loops();
        for (var loop = 0; loop < loops; loop++)
        {
            x = loop > 0 && !_metadata.GetBoolean($"{_architecture.Name}.skip_loop_final_norm", false) ? Norm(x, _architecture.FinalNorm) : x;
            for (var block = 0; block < _numbers.BlockCount - DraftBlocks(); block++)
            {
                _graph.NextBlock();
                x = block == FirstSharing() && !everyRow ? KeepOutputRows(x) : x;
                x = WriteStreams(block) ?? WriteSinglePart(x, block) ?? WriteRwkvBlock(x, block) ?? WriteBlock(x, block);
                _graph.AddPoint(ActivationPoint.LayerName((loop * _numbers.BlockCount) + block), x);
            }
        }

        _graph.EndBlocks();
        return _streams is null ? x : EndStreams(_streams);
    }

    /// <summary>The stream, and what blocks read beside it, of the rows whose logits are wanted: from where on no block leaves anything for later tokens, the others need nothing.</summary>
    private Value KeepOutputRows(Value x)
    {
        _layerEmbeddings = _layerEmbeddings is null ? null : _graph.SelectOutputs(_layerEmbeddings);
        _streams = _streams is null ? null : [.. _streams.Select(stream => _graph.SelectOutputs(stream))];
        return _streams is null ? _graph.SelectOutputs(x) : _streams[0];
    }

    /// <summary>The blocks at the end that only draft (multi-token prediction) and take no part here.</summary>
    private int DraftBlocks()
    {
        var key = $"{_architecture.Name}.nextn_predict_layers";
        var count = _metadata.GetInt32(key, 0);
        return count >= 0 && count < _numbers.BlockCount ? count : throw new ModelFormatException($"'{key}' is {count} of {_numbers.BlockCount} blocks", _tensors.File.Path);
    }

    /// <summary>How often the blocks run one after the other.</summary>
    private int Loops()
    {
        var key = $"{_architecture.Name}.num_loops";
        var loops = _architecture.Loops ? _metadata.GetInt32(key, 1) : 1;
        return loops is >= 1 and <= 1024 && loops * _numbers.BlockCount <= 10_000 ? loops : throw new ModelFormatException($"'{key}' is {loops}; it must be at least 1, and {_numbers.BlockCount} blocks must not run more than 10000 times in all", _tensors.File.Path);
    }

    private Value Embed()
    {
        var x = _graph.Embed(_tensors.Require("token_embd.weight", _numbers.EmbeddingLength, _numbers.VocabularySize), "embedding");
        var scale = _architecture.ScalesEmbeddingByWidth ? MathF.Sqrt(_numbers.EmbeddingLength) : Optional("embedding_scale", 1);
        x = scale is 0 or 1 ? x : _graph.Scale(x, scale);
        x = _architecture.NormsEmbedding ? Norm(x, null, null, 0) : x;
        if (_tensors.Find("position_embd.weight", _numbers.EmbeddingLength, -1) is { } positions)
        {
            x = _graph.Add(x, _graph.EmbedPositions(positions));
        }

        return _tensors.Has("token_embd_norm.weight") && _architecture.FinalNorm != "token_embd_norm" ? Norm(x, "token_embd_norm") : x;
    }

    private Value WriteBlock(Value x, int block)
    {
        var residual = Optional("residual_scale", _architecture.ResidualDepthScale > 0 ? _architecture.ResidualDepthScale / MathF.Sqrt(_numbers.BlockCount) : 1);
        _blockInput = x;
        // ModernBERT's first block reads the normed embeddings as they are.
        var isNormed = _tensors.Has($"blk.{block}.attn_norm.weight") || (!_tensors.Has($"blk.{block}.{_architecture.PostAttentionNorm}.weight") && (block > 0 || _architecture.Machine != ModelMachine.PreNormEncoder));
        var normed = isNormed ? Norm(x, $"blk.{block}.attn_norm", "attn_norm") : x;
        var attentionInput = _tensors.Has($"blk.{block}.attn_norm_2.weight") ? Norm(x, $"blk.{block}.attn_norm_2", "attn_norm_2") : normed;
        var attention = Mixer(attentionInput, block);
        attention = _architecture.FeedForwardNorm == _architecture.PostAttentionNorm ? attention : PostNorm(attention, $"blk.{block}.{_architecture.PostAttentionNorm}");
        attention = residual is 0 or 1 ? attention : _graph.Scale(attention, residual);
        var kind = Residual(block);
        if (kind is ResidualKind.Parallel or ResidualKind.ParallelTwoNorms)
        {
            var input = kind == ResidualKind.Parallel ? normed : Norm(x, $"blk.{block}.ffn_norm", "ffn_norm");
            return _graph.Add(_graph.Add(FeedForward(input, block), x), attention, "output");
        }

        var y = _graph.Add(attention, x, "attn_residual");
        if (kind == ResidualKind.ParallelWithoutNorm)
        {
            return _graph.Add(FeedForward(normed, block), y, "output");
        }

        _attended = y;
        var feed = FeedForward(FeedForwardInput(y, block), block);
        feed = PostNorm(feed, $"blk.{block}.{_architecture.PostFeedForwardNorm}");
        feed = residual is 0 or 1 ? feed : _graph.Scale(feed, residual);
        var output = _graph.Add(feed, y, "output");
        if (_architecture.AddsEmbeddings)
        {
            return _graph.Add(output, _graph.MultiplyWeight(_embedded!, _tensors.Require($"blk.{block}.layer_output_scale.weight", 1)), "output_with_embedding");
        }

        output = _layerEmbeddings is null ? output : _graph.Add(output, LayerEmbedding(output, _layerEmbeddings, block), "output_with_layer_embedding");
        return _tensors.Find($"blk.{block}.layer_output_scale.weight", 1) is { } outputScale ? _graph.MultiplyWeight(output, outputScale, "output_scaled") : output;
    }

    /// <summary>The feed-forward norm; where a block only has norms behind its parts (OLMo 2), the stream itself.</summary>
    private Value FeedForwardInput(Value y, int block) =>
        _tensors.Has($"blk.{block}.{_architecture.FeedForwardNorm}.weight") || !_tensors.Has($"blk.{block}.post_ffw_norm.weight") ? Norm(y, $"blk.{block}.{_architecture.FeedForwardNorm}", "ffn_norm") : y;

    private ResidualKind Residual(int block) => _architecture.Residual switch
    {
        ResidualKind.ByKey => _metadata.GetBoolean($"{_architecture.Name}.use_parallel_residual", false) ? ResidualKind.ParallelTwoNorms : ResidualKind.Sequential,
        ResidualKind.ParallelWithoutNorm => _tensors.Has($"blk.{block}.ffn_norm.weight") ? ResidualKind.Sequential : ResidualKind.ParallelWithoutNorm,
        var kind => kind,
    };

    private Value PostNorm(Value x, string prefix)
    {
        if (!_tensors.Has($"{prefix}.weight"))
        {
            return x;
        }

        return _architecture.PostNormEpsilon > 0 ? _graph.RmsNorm(x, _architecture.PostNormEpsilon, _tensors.Require($"{prefix}.weight", x.Width)) : Norm(x, prefix);
    }

    /// <summary>A norm over the whole width, with the weight and bias that are there.</summary>
    private Value Norm(Value x, string prefix, string? name = null)
    {
        var weight = _architecture.HasBareNorms ? null : _tensors.Require($"{prefix}.weight", x.Width);
        return Norm(x, weight, _tensors.Find($"{prefix}.bias", x.Width), NormGroupWidth(x), name);
    }

    /// <summary>How many columns a norm of the width is over; 0 for all.</summary>
    private int NormGroupWidth(Value x)
    {
        var key = $"{_architecture.Name}.attention.group_norm_groups";
        var groups = _architecture.ReadsNormGroups ? Math.Max(_metadata.GetInt32(key, 1), 1) : 1;
        return groups == 1 ? 0 : x.Width % groups == 0 ? x.Width / groups : throw new ModelFormatException($"'{key}' is {groups}, which does not divide {x.Width} columns", _tensors.File.Path);
    }

    private Value Norm(Value x, WeightTensor? weight, WeightTensor? bias, int groupWidth, string? name = null) => _norm == NormKind.Rms
        ? _graph.RmsNorm(x, _numbers.NormEpsilon, weight, bias, groupWidth, name)
        : _graph.LayerNorm(x, _numbers.NormEpsilon, weight, bias, groupWidth, name);

    /// <summary>What logits are multiplied by; 0 for nothing.</summary>
    private float LogitScale()
    {
        var scale = Optional("logit_scale", 0);
        return scale == 0 ? _architecture.HeadBaseWidth / _numbers.EmbeddingLength : _architecture.DividesLogits ? 1 / scale : scale;
    }

    /// <summary>A number that only some families have: its key where <see cref="Architecture.Reads"/> names it, else the line's constant, else the fallback.</summary>
    private float Optional(string key, float fallback) => _architecture.Reads.Contains(key, StringComparer.Ordinal) ? Number(key, fallback) : _architecture.Defaults.GetValueOrDefault(key, fallback);

    /// <summary>An array of the metadata, which is read once however often blocks ask for their elements: a hostile file's is long.</summary>
    private T[] Once<T>(string key, Func<string, T[]> read)
    {
        if (!_arrays.TryGetValue(key, out var known))
        {
            _arrays[key] = known = read(key);
        }

        return (T[])known;
    }

    /// <summary>A number of this architecture: its key, else its line's constant, else the fallback.</summary>
    private float Number(string key, float fallback)
    {
        var value = _metadata.GetSingle($"{_architecture.Name}.{key}", _architecture.Defaults.GetValueOrDefault(key, fallback));
        return float.IsFinite(value) ? value : throw new ModelFormatException($"'{_architecture.Name}.{key}' is {value}; it must be a finite number", _tensors.File.Path);
    }
}
