using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>Embeddings that a token has for each block, beside the one that it begins with (Gemma 3n and 4). Their table is the greatest tensor of its file; it is read row by row.</summary>
internal sealed partial class DecoderWriter
{
    private int LayerEmbeddingWidth => _metadata.GetInt32($"{_architecture.Name}.embedding_length_per_layer_input", 0) == 0 ? 0 : Integer("embedding_length_per_layer_input");

    /// <summary>The embeddings of all blocks, made of those of the table and of a product of the token's own: [rows, blocks × width]; null where there are none.</summary>
    private Value? LayerEmbeddings(Value x)
    {
        var width = LayerEmbeddingWidth;
        if (width == 0)
        {
            return null;
        }

        var all = (long)width * _numbers.BlockCount;
        var table = _tensors.Require("per_layer_token_embd.weight", all, _numbers.VocabularySize);
        var given = _graph.Scale(_graph.Embed(table, "layer_embedding"), MathF.Sqrt(width));
        var made = _graph.Scale(MatMul(x, _tensors.Require("per_layer_model_proj.weight", x.Width, all)), 1 / MathF.Sqrt(x.Width));
        made = _graph.RmsNorm(made, _numbers.NormEpsilon, _tensors.Require("per_layer_proj_norm.weight", width), groupWidth: width);
        return _graph.Scale(_graph.Add(made, given), 1 / MathF.Sqrt(2), name: "layer_embeddings");
    }

    /// <summary>What a block's embedding, gated by the block's output, adds to it.</summary>
    private Value LayerEmbedding(Value x, Value layerEmbeddings, int block)
    {
        var width = LayerEmbeddingWidth;
        var gate = MatMul(x, _tensors.Require($"blk.{block}.inp_gate.weight", x.Width, width));
        var gated = _graph.Gate(gate, _graph.Slice(layerEmbeddings, (long)block * width, width), _architecture.Gate, name: "layer_embedding_gated");
        return Norm(MatMul(gated, _tensors.Require($"blk.{block}.proj.weight", width, x.Width)), $"blk.{block}.post_norm");
    }
}
