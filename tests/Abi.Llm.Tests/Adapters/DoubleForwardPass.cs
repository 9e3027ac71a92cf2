using Abi.Llm.Gguf;

namespace Abi.Llm.Tests.Adapters;

/// <summary>
/// The forward pass of a Llama model with a LoRA adapter in double precision, written out from the files: no rounding but that of the weights themselves. It shares nothing with
/// the engine but the reading of files, and is what results are held to where two implementations round differently.
/// </summary>
internal sealed class DoubleForwardPass(GgufFile model, GgufFile? adapter)
{
    private const double Epsilon = 1e-5f;

    private readonly int _layers = model.Metadata.GetInt32("llama.block_count");
    private readonly int _heads = model.Metadata.GetInt32("llama.attention.head_count");
    private readonly int _keyHeads = model.Metadata.GetInt32("llama.attention.head_count_kv");
    private readonly double _ropeBase = model.Metadata.GetSingle("llama.rope.freq_base", 10_000);

    /// <summary>The logits after every token: [tokens][vocabulary].</summary>
    public double[][] Run(int[] ids)
    {
        var embeddings = model.GetTensor("token_embd.weight").ToFloats();
        var width = embeddings.Length / (int)model.GetTensor("token_embd.weight").Rows;
        var rows = Array.ConvertAll(ids, id => Array.ConvertAll(embeddings[(id * width)..((id + 1) * width)], static value => (double)value));
        for (var layer = 0; layer < _layers; layer++)
        {
            var name = $"blk.{layer}.";
            Add(rows, Product(Attend(Norm(rows, name + "attn_norm.weight"), name), name + "attn_output.weight"));
            var normed = Norm(rows, name + "ffn_norm.weight");
            var (gate, up) = (Product(normed, name + "ffn_gate.weight"), Product(normed, name + "ffn_up.weight"));
            Add(rows, Product(Zip(gate, up, static (g, u) => g / (1 + Math.Exp(-g)) * u), name + "ffn_down.weight"));
        }

        return Product(Norm(rows, "output_norm.weight"), "token_embd.weight");
    }

    private double[][] Attend(double[][] rows, string name)
    {
        var (queries, keys, values) = (Product(rows, name + "attn_q.weight"), Product(rows, name + "attn_k.weight"), Product(rows, name + "attn_v.weight"));
        var size = queries[0].Length / _heads;
        Rotate(queries, size);
        Rotate(keys, size);
        return [.. queries.Select((query, row) => Enumerable.Range(0, _heads).SelectMany(head =>
        {
            var shared = head / (_heads / _keyHeads) * size;
            var scores = Enumerable.Range(0, row + 1).Select(past => Dot(query.AsSpan(head * size, size), keys[past].AsSpan(shared, size)) / Math.Sqrt(size)).ToArray();
            var best = scores.Max();
            var weights = Array.ConvertAll(scores, score => Math.Exp(score - best));
            var sum = weights.Sum();
            return Enumerable.Range(0, size).Select(i => weights.Select((weight, past) => weight * values[past][shared + i]).Sum() / sum);
        }).ToArray())];
    }

    /// <summary>x Wᵀ, and for an adapter α / r · (x Aᵀ) Bᵀ beside it.</summary>
    private double[][] Product(double[][] rows, string name)
    {
        var result = Product(rows, model, name);
        if (adapter?.FindTensor(name + ".lora_a") is { } a)
        {
            var scale = adapter.Metadata.GetSingle("adapter.lora.alpha") / a.Rows;
            Add(result, Product(Product(rows, adapter, name + ".lora_a"), adapter, name + ".lora_b"), scale);
        }

        return result;
    }

    private static double[][] Product(double[][] rows, GgufFile file, string name)
    {
        var weights = Array.ConvertAll(file.GetTensor(name).ToFloats(), static value => (double)value);
        var columns = rows[0].Length;
        return Array.ConvertAll(rows, row => Enumerable.Range(0, weights.Length / columns).Select(output => Dot(row, weights.AsSpan(output * columns, columns))).ToArray());
    }

    private double[][] Norm(double[][] rows, string name)
    {
        var weights = model.GetTensor(name).ToFloats();
        return Array.ConvertAll(rows, row =>
        {
            var scale = 1 / Math.Sqrt((Dot(row, row) / row.Length) + Epsilon);
            return row.Select((value, i) => value * scale * weights[i]).ToArray();
        });
    }

    /// <summary>Neighbours are the two components of a rotation.</summary>
    private void Rotate(double[][] rows, int size)
    {
        for (var position = 0; position < rows.Length; position++)
        {
            for (var i = 0; i < rows[position].Length; i += 2)
            {
                var (sine, cosine) = Math.SinCos(position * Math.Pow(_ropeBase, -(double)(i % size) / size));
                var (x, y) = (rows[position][i], rows[position][i + 1]);
                (rows[position][i], rows[position][i + 1]) = ((x * cosine) - (y * sine), (x * sine) + (y * cosine));
            }
        }
    }

    private static double[][] Zip(double[][] one, double[][] other, Func<double, double, double> combine) => [.. one.Zip(other, (a, b) => a.Zip(b, combine).ToArray())];

    private static void Add(double[][] rows, double[][] others, double scale = 1)
    {
        for (var row = 0; row < rows.Length; row++)
        {
            for (var i = 0; i < rows[row].Length; i++)
            {
                rows[row][i] += scale * others[row][i];
            }
        }
    }

    private static double Dot(ReadOnlySpan<double> one, ReadOnlySpan<double> other) => System.Numerics.Tensors.TensorPrimitives.Dot(one, other);
}
