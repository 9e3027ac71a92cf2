using Abi.Compute.Graphs;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>
/// Writes BERT and its kin (papers: Devlin et al. 2018; Günther et al. 2023; Nussbaum et al. 2024): every token attends to all of its text, and the norms stand behind each sum.
/// </summary>
internal sealed class BertWriter(GgufFile file, Architecture architecture, Hyperparameters numbers)
{
    private readonly ModelTensors _tensors = new(file);
    private GraphBuilder _graph = new();

    /// <summary>Ids to hidden states, pooled.</summary>
    public Graph WriteEmbeddings(EmbeddingPooling pooling)
    {
        _graph = new GraphBuilder();
        var x = Embed();
        for (var block = 0; block < numbers.BlockCount; block++)
        {
            _graph.NextBlock();
            x = WriteBlock(x, block);
        }

        _graph.EndBlocks();
        PoolingHead.Write(_graph, _tensors, architecture.Name, numbers.NormEpsilon, x, pooling);
        return _graph.Build();
    }

    private Value Embed()
    {
        var x = _graph.Embed(_tensors.Require("token_embd.weight", numbers.EmbeddingLength, numbers.VocabularySize), "embedding");
        if (_tensors.Find("token_types.weight", numbers.EmbeddingLength, -1) is { } types)
        {
            x = _graph.Add(x, _graph.EmbedConstant(types, 0));
        }

        if (architecture is { Rope: null, AlibiMaxBias: 0 })
        {
            x = _graph.Add(_graph.EmbedPositions(_tensors.Require("position_embd.weight", numbers.EmbeddingLength, -1)), x);
        }

        return Norm(x, "token_embd_norm");
    }

    private Value WriteBlock(Value x, int block)
    {
        var y = Norm(_graph.Add(Attention(x, block), x), $"blk.{block}.attn_output_norm");
        y = _tensors.Has($"blk.{block}.attn_norm_2.weight") ? Norm(_graph.Add(y, x), $"blk.{block}.attn_norm_2") : y;
        return Norm(_graph.Add(FeedForward(y, block), y), $"blk.{block}.layer_output_norm");
    }

    private Value Attention(Value x, int block)
    {
        var (heads, keyValueHeads, size) = (numbers.Heads[block], numbers.KeyValueHeads[block], numbers.KeySize);
        if (heads == 0 || keyValueHeads == 0 || heads % keyValueHeads != 0)
        {
            throw new ModelFormatException($"Block {block} has {heads} heads over {keyValueHeads} key/value heads; the first must be a multiple of the second", file.Path);
        }

        var (qWidth, kvWidth) = ((long)heads * size, (long)keyValueHeads * size);
        Value q, k, v;
        if (_tensors.Find($"blk.{block}.attn_qkv.weight", x.Width, qWidth + (2 * kvWidth)) is { } fused)
        {
            var all = _graph.MatMul(x, fused, _tensors.Find($"blk.{block}.attn_qkv.bias", fused.Rows), "qkv");
            (q, k, v) = (_graph.Slice(all, 0, qWidth), _graph.Slice(all, qWidth, kvWidth), _graph.Slice(all, qWidth + kvWidth, kvWidth));
        }
        else
        {
            (q, k, v) = (Product(x, $"blk.{block}.attn_q", qWidth), Product(x, $"blk.{block}.attn_k", kvWidth), Product(x, $"blk.{block}.attn_v", kvWidth));
        }

        (q, k) = (OptionalNorm(q, $"blk.{block}.attn_q_norm"), OptionalNorm(k, $"blk.{block}.attn_k_norm"));
        if (architecture.Rope is { } pairing)
        {
            var rope = new RopeSettings
            {
                HeadSize = size,
                Rotated = numbers.RotaryDimensions,
                Pairing = pairing,
                FrequencyBase = numbers.RopeFrequencyBase,
                FrequencyScale = numbers.RopeFrequencyScale,
            };
            (q, k) = (_graph.Rope(q, rope, "q_rope"), _graph.Rope(k, rope, "k_rope"));
        }

        var settings = new AttentionSettings
        {
            Heads = heads,
            Scale = 1 / MathF.Sqrt(size),
            Causal = false,
            AlibiMaxBias = architecture.AlibiMaxBias,
        };
        return Product(_graph.AttendWithin(q, k, v, keyValueHeads, settings, "attn"), $"blk.{block}.attn_output", numbers.EmbeddingLength);
    }

    private Value FeedForward(Value x, int block)
    {
        var prefix = $"blk.{block}.ffn_";
        if (architecture.Activation is { } activation && _tensors.Has($"{prefix}gate_inp.weight"))
        {
            return Experts(x, prefix, activation);
        }

        var width = numbers.FeedForwardLengths[block];
        var up = _tensors.Require($"{prefix}up.weight", x.Width, -1);
        var upBias = _tensors.Find($"{prefix}up.bias", up.Rows);
        Value inner;
        if (_tensors.FindGate(architecture, $"{prefix}gate.weight", x.Width, width) is { } gate)
        {
            inner = _graph.Gate(_graph.MatMul(x, gate, name: "ffn_gate"), _graph.MatMul(x, up, upBias, "ffn_up"), architecture.Gate, name: "ffn_act");
        }
        else if (up.Rows == 2L * width)
        {
            // Jina's up projection may hold the gate's rows first.
            var both = _graph.MatMul(x, up, upBias, "ffn_gate_up");
            inner = _graph.Gate(_graph.Slice(both, 0, width), _graph.Slice(both, width, width), architecture.Gate, name: "ffn_act");
        }
        else
        {
            inner = _graph.Activate(_graph.MatMul(x, up, upBias, "ffn_up"), architecture.Activation!.Value, name: "ffn_act");
        }

        return Product(inner, $"{prefix}down", numbers.EmbeddingLength);
    }

    private Value Experts(Value x, string prefix, ActivationKind activation)
    {
        var (experts, used) = (numbers.ExpertCount, numbers.ExpertUsedCount);
        if (experts == 0 || used == 0 || used > experts)
        {
            throw new ModelFormatException($"The model routes to experts, but the metadata says {used} of {experts} are used", file.Path);
        }

        var logits = _graph.MatMul(x, _tensors.Require($"{prefix}gate_inp.weight", x.Width, experts), name: "router");
        var scale = file.Metadata.GetSingle($"{architecture.Name}.expert_weights_scale", 1);
        var route = _graph.Route(logits, new RouteSettings { Experts = experts, Used = used, Scale = scale is 0 ? 1 : scale }, "route");
        var up = _tensors.Require($"{prefix}up_exps.weight", x.Width, -1, experts);
        var inner = _graph.Activate(_graph.ExpertMatMul(x, route, up, name: "experts_up"), activation, name: "experts_act");
        var down = _graph.ExpertMatMul(inner, route, _tensors.Require($"{prefix}down_exps.weight", up.Shape[1], numbers.EmbeddingLength, experts), name: "experts_down");
        return _graph.ExpertSum(down, route, weighted: true, name: "experts");
    }

    private Value Product(Value x, string prefix, long width) =>
        _graph.MatMul(x, _tensors.Require($"{prefix}.weight", x.Width, width), _tensors.Find($"{prefix}.bias", width));

    private Value OptionalNorm(Value x, string prefix) => _tensors.Has($"{prefix}.weight") ? Norm(x, prefix) : x;

    private Value Norm(Value x, string prefix)
    {
        WeightTensor weight = _tensors.Require($"{prefix}.weight", x.Width);
        return _graph.LayerNorm(x, numbers.NormEpsilon, weight, _tensors.Find($"{prefix}.bias", x.Width));
    }
}
