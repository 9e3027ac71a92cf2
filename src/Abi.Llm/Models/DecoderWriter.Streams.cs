using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>
/// Gemma 3n's blocks: several streams of which the first is computed (alternating updates, paper: Baykal et al. 2023). A block predicts all streams from all, computes the first, and corrects
/// all by what was computed; by which numbers, each token's own first stream says.
/// </summary>
internal sealed partial class DecoderWriter
{
    private const int StreamCount = 4;

    /// <summary>The normal distribution's quantile of 0.95: in how many standard deviations above their mean gates stand out.</summary>
    private const float OutstandingDeviations = 1.6448533535f;

    /// <summary>Keeps zeros from being divided by; too little to count beside anything.</summary>
    private const float LeastVariance = 1e-30f;

    /// <summary>The embeddings, and products of them that are as long.</summary>
    private Value[] BeginStreams(Value x)
    {
        var others = _graph.GroupedMatMul(x, _tensors.Require("altup_proj.weight", x.Width, x.Width, StreamCount - 1));
        others = AsLongAs(x, others);
        return [x, .. Enumerable.Range(0, StreamCount - 1).Select(i => _graph.Slice(others, (long)i * x.Width, x.Width))];
    }

    /// <summary>The mean of the first stream and of products of the others that are as long.</summary>
    private Value EndStreams(Value[] streams)
    {
        var width = streams[0].Width;
        var others = _graph.GroupedMatMul(_graph.Concatenate([.. streams.Skip(1)]), _tensors.Require("altup_unembd_proj.weight", width, width, StreamCount - 1));
        others = AsLongAs(streams[0], others);
        var sum = streams[0];
        for (var i = 0; i < StreamCount - 1; i++)
        {
            sum = _graph.Add(sum, _graph.Slice(others, (long)i * width, width));
        }

        return _graph.Scale(sum, 1f / StreamCount);
    }

    /// <summary>The next block of a model with streams, whose first is the result; null where the model has none.</summary>
    private Value? WriteStreams(int block)
    {
        if (_streams is null)
        {
            return null;
        }

        var predicted = PredictStreams(_streams, block);
        var first = predicted[0];
        var normed = Norm(first, $"blk.{block}.attn_norm", "attn_norm");
        var attended = _graph.Add(PostNorm(Attention(normed, block), $"blk.{block}.{_architecture.PostAttentionNorm}"), first, "attn_residual");
        attended = _graph.Scale(_graph.Add(attended, LowRank(normed, block)), 1 / MathF.Sqrt(2));
        var feed = FeedForward(Norm(attended, $"blk.{block}.ffn_norm", "ffn_norm"), block);
        var computed = _graph.Add(PostNorm(feed, $"blk.{block}.{_architecture.PostFeedForwardNorm}"), attended, "computed");

        var corrected = CorrectStreams(predicted, computed, block);
        var scaled = _graph.MultiplyWeight(corrected[0], _tensors.Require($"blk.{block}.altup_correct_scale.weight", first.Width));
        var part = LayerEmbedding(scaled, _layerEmbeddings ?? throw new ModelFormatException($"'{_architecture.Name}.embedding_length_per_layer_input' is 0, but blocks read their embeddings", _tensors.File.Path), block);
        _streams = [corrected[0], .. corrected.Skip(1).Select(stream => _graph.Add(stream, part))];
        return _streams[0];
    }

    /// <summary>Each stream plus a mixture of all.</summary>
    private Value[] PredictStreams(Value[] streams, int block)
    {
        var factors = MatMul(StreamRouter(streams[0], block), _tensors.Require($"blk.{block}.altup_predict_coef.weight", StreamCount, StreamCount * StreamCount));
        var predicted = new Value[StreamCount];
        for (var i = 0; i < StreamCount; i++)
        {
            predicted[i] = streams[i];
            for (var j = 0; j < StreamCount; j++)
            {
                predicted[i] = _graph.Add(predicted[i], _graph.Multiply(streams[j], _graph.Slice(factors, (i * StreamCount) + j, 1)));
            }
        }

        return predicted;
    }

    /// <summary>Each stream plus its share of how far what was computed lies from what was predicted.</summary>
    private Value[] CorrectStreams(Value[] predicted, Value computed, int block)
    {
        var factors = MatMul(StreamRouter(computed, block), _tensors.Require($"blk.{block}.altup_correct_coef.weight", StreamCount, StreamCount));
        factors = _graph.Scale(factors, 1, 1);
        var error = _graph.Add(computed, _graph.Scale(predicted[0], -1));
        return [.. predicted.Select((stream, i) => _graph.Add(stream, _graph.Multiply(error, _graph.Slice(factors, i, 1))))];
    }

    private Value StreamRouter(Value x, int block)
    {
        var normed = _graph.Scale(Norm(x, $"blk.{block}.altup_router_norm"), 1f / x.Width);
        return _graph.Activate(MatMul(normed, _tensors.Require($"blk.{block}.altup_router.weight", x.Width, StreamCount)), ActivationKind.Tanh);
    }

    /// <summary>A residual of low rank beside attention (paper: Menghani et al. 2024).</summary>
    private Value LowRank(Value x, int block)
    {
        var down = _tensors.Require($"blk.{block}.laurel_l.weight", x.Width, -1);
        var low = MatMul(MatMul(x, down), _tensors.Require($"blk.{block}.laurel_r.weight", down.Rows, x.Width));
        return _graph.Add(Norm(low, $"blk.{block}.laurel_post_norm"), x, "laurel");
    }

    /// <summary>By how much gates stand out of their row, else 0, where a network is sparse; elsewhere the gates.</summary>
    private Value Outstanding(Value gates, bool isSparse)
    {
        if (!isSparse)
        {
            return gates;
        }

        // Computed in units of the norm's deviation; the network's own has one degree of freedom less.
        var normed = _graph.LayerNorm(gates, LeastVariance, null);
        var deviation = Mean(_graph.Multiply(gates, normed));
        var bound = OutstandingDeviations * MathF.Sqrt(gates.Width / (gates.Width - 1f));
        return _graph.Multiply(_graph.Activate(_graph.Scale(normed, 1, -bound), ActivationKind.Relu), deviation);
    }

    /// <summary>Runs of columns, each made as long as x is.</summary>
    private Value AsLongAs(Value x, Value runs)
    {
        var length = Mean(_graph.Multiply(x, _graph.RmsNorm(x, LeastVariance, null)));
        return _graph.Multiply(_graph.RmsNorm(runs, LeastVariance, null, groupWidth: x.Width), length);
    }

    /// <summary>The mean of each row: [rows, 1].</summary>
    private Value Mean(Value x)
    {
        var weights = new float[x.Width];
        weights.AsSpan().Fill(1f / x.Width);
        return _graph.MatMul(x, WeightTensor.FromFloats("mean", [x.Width, 1], weights));
    }
}
