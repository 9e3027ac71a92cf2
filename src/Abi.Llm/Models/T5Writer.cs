using Abi.Compute.Graphs;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>
/// Writes T5 (paper: Raffel et al. 2020): an encoder whose output becomes the keys and values of the decoder's cross-attention (cache group 1), biases by distance instead of positions,
/// and scores that are not scaled.
/// </summary>
internal sealed class T5Writer(GgufFile file, Architecture architecture, Hyperparameters numbers)
{
    private readonly ModelTensors _tensors = new(file);
    private readonly int _decoderBlocks = DecoderBlocks(file, architecture, numbers);
    private GraphBuilder _graph = new();

    /// <summary>The decoder's ids to logits.</summary>
    public Graph WriteDecoder()
    {
        _graph = new GraphBuilder();
        var (heads, keyWidth, valueWidth) = Heads(0);
        var (own, cross) = (new CacheLayer[_decoderBlocks], new CacheLayer[_decoderBlocks]);
        for (var block = 0; block < _decoderBlocks; block++)
        {
            own[block] = _graph.AddCacheLayer(heads, numbers.KeySize, numbers.ValueSize);
            cross[block] = _graph.AddCacheLayer(heads, numbers.KeySize, numbers.ValueSize, group: 1);
        }

        var x = Embed();
        for (var block = 0; block < _decoderBlocks; block++)
        {
            _graph.NextBlock();
            var prefix = $"dec.blk.{block}.";
            var normed = Norm(x, $"{prefix}attn_norm");
            _graph.Store(Product(normed, $"{prefix}attn_k", keyWidth), Product(normed, $"{prefix}attn_v", valueWidth), own[block]);
            var q = Product(normed, $"{prefix}attn_q", keyWidth);
            var bias = Bias("dec", block, heads);
            var attention = _graph.Attend(q, own[block], new AttentionSettings { Heads = heads, Scale = 1, RelativeBias = bias }, "attn");
            x = _graph.Add(Product(attention, $"{prefix}attn_o", numbers.EmbeddingLength), x);
            q = Product(Norm(x, $"{prefix}cross_attn_norm"), $"{prefix}cross_attn_q", keyWidth);
            attention = _graph.Attend(q, cross[block], new AttentionSettings { Heads = heads, Scale = 1, Causal = false }, "cross_attn");
            x = _graph.Add(Product(attention, $"{prefix}cross_attn_o", numbers.EmbeddingLength), x);
            x = _graph.Add(FeedForward(Norm(x, $"{prefix}ffn_norm"), prefix, block), x);
        }

        _graph.EndBlocks();
        x = Norm(_graph.SelectOutputs(x), "dec.output_norm");
        var output = _tensors.Find("output.weight", numbers.EmbeddingLength, numbers.VocabularySize) ?? _tensors.Require("token_embd.weight", numbers.EmbeddingLength, numbers.VocabularySize);
        _graph.AddOutput(_graph.MatMul(x, output, name: "logits"));
        return _graph.Build();
    }

    /// <summary>The input's ids to the cross-attention state that the decoder's graph declares.</summary>
    public Graph WriteEncoder(StateLayout state)
    {
        _graph = new GraphBuilder();
        _graph.ShareState(state);
        var x = EncoderBlocks();
        var (heads, keyWidth, valueWidth) = Heads(0);
        for (var block = 0; block < _decoderBlocks; block++)
        {
            // The decoder declares its own layer and the cross-attention's of each block in turn.
            var layer = state.Cache[(2 * block) + 1];
            _graph.Store(Product(x, $"dec.blk.{block}.cross_attn_k", keyWidth), Product(x, $"dec.blk.{block}.cross_attn_v", valueWidth), layer);
        }

        return _graph.Build();
    }

    /// <summary>Ids to the encoder's hidden states, pooled.</summary>
    public Graph WriteEmbeddings(EmbeddingPooling pooling)
    {
        _graph = new GraphBuilder();
        PoolingHead.Write(_graph, _tensors, architecture.Name, numbers.NormEpsilon, EncoderBlocks(), pooling);
        return _graph.Build();
    }

    private static int DecoderBlocks(GgufFile file, Architecture architecture, Hyperparameters numbers)
    {
        var key = $"{architecture.Name}.decoder_block_count";
        var count = file.Metadata.GetInt32(key, numbers.BlockCount);
        return count is >= 1 and <= 10_000 ? count : throw new ModelFormatException($"'{key}' is {count}; it must be between 1 and 10000", file.Path);
    }

    private Value EncoderBlocks()
    {
        var x = Embed();
        for (var block = 0; block < numbers.BlockCount; block++)
        {
            _graph.NextBlock();
            var prefix = $"enc.blk.{block}.";
            var (heads, keyWidth, valueWidth) = Heads(block);
            var normed = Norm(x, $"{prefix}attn_norm");
            var settings = new AttentionSettings { Heads = heads, Scale = 1, Causal = false, RelativeBias = Bias("enc", block, heads), RelativeBidirectional = true };
            var attention = _graph.AttendWithin(
                Product(normed, $"{prefix}attn_q", keyWidth),
                Product(normed, $"{prefix}attn_k", keyWidth),
                Product(normed, $"{prefix}attn_v", valueWidth),
                heads,
                settings,
                "attn");
            x = _graph.Add(Product(attention, $"{prefix}attn_o", numbers.EmbeddingLength), x);
            x = _graph.Add(FeedForward(Norm(x, $"{prefix}ffn_norm"), prefix, block), x);
        }

        _graph.EndBlocks();
        return Norm(x, "enc.output_norm");
    }

    private Value Embed() => _graph.Embed(_tensors.Require("token_embd.weight", numbers.EmbeddingLength, numbers.VocabularySize), "embedding");

    /// <summary>A block's heads, and the columns of all their keys and values.</summary>
    private (int Heads, long KeyWidth, long ValueWidth) Heads(int block)
    {
        var heads = numbers.Heads[block];
        return heads > 0 && numbers.KeyValueHeads[block] == heads && numbers.KeySize > 0 && numbers.ValueSize > 0
            ? (heads, (long)heads * numbers.KeySize, (long)heads * numbers.ValueSize)
            : throw new ModelFormatException($"Block {block} has {heads} heads of {numbers.KeySize} and {numbers.KeyValueHeads[block]} key/value heads of {numbers.ValueSize}; T5 needs as many of one as of the other, and none empty", file.Path);
    }

    /// <summary>The biases by distance of a block; those of the first block where it has none of its own.</summary>
    private WeightTensor Bias(string part, int block, int heads)
    {
        var key = $"{architecture.Name}.attention.relative_buckets_count";
        var buckets = file.Metadata.GetInt32(key);
        if (buckets is < 4 or > 1 << 16 || buckets % 4 != 0)
        {
            throw new ModelFormatException($"'{key}' is {buckets}; it must be a multiple of 4 up to 65536", file.Path);
        }

        return _tensors.Find($"{part}.blk.{block}.attn_rel_b.weight", heads, buckets) ?? _tensors.Require($"{part}.blk.0.attn_rel_b.weight", heads, buckets);
    }

    private Value FeedForward(Value x, string prefix, int block)
    {
        var width = numbers.FeedForwardLengths[Math.Min(block, numbers.BlockCount - 1)];
        var up = Product(x, $"{prefix}ffn_up", width);
        var inner = _tensors.Has($"{prefix}ffn_gate.weight")
            ? _graph.Gate(Product(x, $"{prefix}ffn_gate", width), up, GateKind.GeGlu, name: "ffn_act")
            : _graph.Activate(up, ActivationKind.Relu, name: "ffn_act");
        return Product(inner, $"{prefix}ffn_down", numbers.EmbeddingLength);
    }

    private Value Product(Value x, string prefix, long width) => _graph.MatMul(x, _tensors.Require($"{prefix}.weight", x.Width, width));

    private Value Norm(Value x, string prefix) => _graph.RmsNorm(x, numbers.NormEpsilon, _tensors.Require($"{prefix}.weight", x.Width));
}
