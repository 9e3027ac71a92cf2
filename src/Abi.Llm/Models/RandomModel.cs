using System.Buffers;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Quantization;

namespace Abi.Llm.Models;

/// <summary>Writes models of random weights: of the right shapes, types and sizes to measure and test with, and of no other use.</summary>
/// <remarks>
/// The same shape, target and seed give the same file. Weights are drawn from 4,096 pieces of 256 normally distributed numbers, which are encoded once for
/// each format and scale: the file of a large model is written at the speed of the disk.
/// </remarks>
public static class RandomModel
{
    private const int PieceLength = 256;
    private const int PieceCount = 4096;

    /// <summary>Writes a model.</summary>
    /// <param name="path">The file; it appears when it is whole.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="target">The mixture or plain format of the weights.</param>
    /// <param name="seed">The seed of all randomness.</param>
    /// <param name="progress">Told of every tensor.</param>
    /// <param name="cancellationToken">Stops between pieces; no file is left.</param>
    /// <exception cref="ArgumentException">The shape's numbers do not fit each other.</exception>
    /// <exception cref="AbiException">The file cannot be written.</exception>
    public static void Write(string path, ModelShape shape, QuantizationTarget target, int seed = 1, IProgress<GgufWriteProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(target);
        shape.Check();
        var metadata = new GgufMetadata(Metadata(shape, target));
        var tensors = Tensors(shape).OrderBy(tensor => tensor.Name, TensorNameComparer.Instance).ToList();
        var chooser = new TensorTypeChooser(target, QuantizedModel.Read(metadata), tensors.Select(tensor => tensor.Name), pure: false, hasImportance: false);
        var writer = new GgufWriter(metadata);
        var random = new Random(seed);
        var normals = Normals(random);
        var pools = new Dictionary<(TensorType Type, float Scale), byte[]>();
        foreach (var (name, dimensions, mean, scale) in tensors)
        {
            var type = chooser.Choose(name, TensorType.F32, dimensions);
            var count = dimensions.Aggregate(1L, (product, length) => product * length);
            writer.Add(name, type, dimensions, (stream, token) =>
            {
                if (name == "rope_freqs.weight")
                {
                    WriteFloats(stream, RopeFactors(shape));
                }
                else if (dimensions.Length == 1)
                {
                    WriteFloats(stream, [.. Enumerable.Range(0, (int)count).Select(_ => mean + (scale * normals[random.Next(normals.Length)]))]);
                }
                else
                {
                    if (!pools.TryGetValue((type, scale), out var pool))
                    {
                        pools.Add((type, scale), pool = Encode(normals, BlockFormat.Get(type), scale, token));
                    }

                    WritePieces(stream, BlockFormat.Get(type), pool, dimensions[0], count, random, token);
                }
            });
        }

        writer.Write(path, progress, cancellationToken);
    }

    private static IEnumerable<KeyValuePair<string, GgufValue>> Metadata(ModelShape shape, QuantizationTarget target)
    {
        KeyValuePair<string, GgufValue> Own(string key, GgufValue value) => new($"{shape.Architecture}.{key}", value);
        yield return new("general.architecture", GgufValue.Of(shape.Architecture));
        yield return new("general.name", GgufValue.Of($"random {shape.Name}"));
        yield return Own("vocab_size", GgufValue.Of((uint)shape.VocabularySize));
        yield return Own("context_length", GgufValue.Of((uint)shape.ContextLength));
        yield return Own("embedding_length", GgufValue.Of((uint)shape.EmbeddingLength));
        yield return Own("block_count", GgufValue.Of((uint)shape.BlockCount));
        yield return Own("feed_forward_length", GgufValue.Of((uint)shape.FeedForwardLength));
        yield return Own("attention.head_count", GgufValue.Of((uint)shape.HeadCount));
        yield return Own("attention.head_count_kv", GgufValue.Of((uint)shape.KeyValueHeadCount));
        yield return Own("attention.key_length", GgufValue.Of((uint)shape.ActualHeadLength));
        yield return Own("attention.value_length", GgufValue.Of((uint)shape.ActualHeadLength));
        yield return Own("attention.layer_norm_rms_epsilon", GgufValue.Of(shape.NormEpsilon));
        yield return Own("rope.dimension_count", GgufValue.Of((uint)shape.ActualHeadLength));
        yield return Own("rope.freq_base", GgufValue.Of(shape.RopeBase));
        if (shape.ExpertCount > 0)
        {
            yield return Own("expert_count", GgufValue.Of((uint)shape.ExpertCount));
            yield return Own("expert_used_count", GgufValue.Of((uint)shape.ExpertUsedCount));
            yield return Own("expert_feed_forward_length", GgufValue.Of((uint)shape.FeedForwardLength));
        }

        foreach (var pair in SyntheticVocabulary.Create(shape.VocabularySize))
        {
            yield return pair;
        }

        yield return new("general.quantization_version", GgufValue.Of(2u));
        yield return new("general.file_type", GgufValue.Of((uint)target.FileType));
    }

    /// <summary>The tensors with the mean and the scale of their elements, chosen so that the residual stream keeps its size.</summary>
    private static IEnumerable<(string Name, long[] Shape, float Mean, float Scale)> Tensors(ModelShape shape)
    {
        long embedding = shape.EmbeddingLength, inner = shape.FeedForwardLength, experts = shape.ExpertCount;
        long queries = (long)shape.HeadCount * shape.ActualHeadLength, keys = (long)shape.KeyValueHeadCount * shape.ActualHeadLength;
        var deep = 1 / MathF.Sqrt(2 * shape.BlockCount);
        (string Name, long[] Shape, float Mean, float Scale) Matrix(string name, long columns, long rows, float factor = 1) => (name, [columns, rows], 0, factor / MathF.Sqrt(columns));
        (string Name, long[] Shape, float Mean, float Scale) Experts(string name, long columns, long rows, float factor = 1) => (name, [columns, rows, experts], 0, factor / MathF.Sqrt(columns));
        (string Name, long[] Shape, float Mean, float Scale) Norm(string name, long length) => (name, [length], 1, 0.1f);

        yield return Matrix("token_embd.weight", embedding, shape.VocabularySize);
        yield return Norm("output_norm.weight", embedding);
        if (!shape.IsTied)
        {
            yield return Matrix("output.weight", embedding, shape.VocabularySize);
        }

        if (shape.RopeFactor > 0)
        {
            yield return ("rope_freqs.weight", [shape.ActualHeadLength / 2], 1, 0);
        }

        for (var block = 0; block < shape.BlockCount; block++)
        {
            var prefix = $"blk.{block}.";
            yield return Norm($"{prefix}attn_norm.weight", embedding);
            yield return Matrix($"{prefix}attn_q.weight", embedding, queries);
            yield return Matrix($"{prefix}attn_k.weight", embedding, keys);
            yield return Matrix($"{prefix}attn_v.weight", embedding, keys);
            yield return Matrix($"{prefix}attn_output.weight", queries, embedding, deep);
            if (shape.Architecture == "qwen2")
            {
                yield return ($"{prefix}attn_q.bias", [queries], 0, 0.1f);
                yield return ($"{prefix}attn_k.bias", [keys], 0, 0.1f);
                yield return ($"{prefix}attn_v.bias", [keys], 0, 0.1f);
            }
            else if (shape.Architecture is "qwen3" or "qwen3moe")
            {
                yield return Norm($"{prefix}attn_q_norm.weight", shape.ActualHeadLength);
                yield return Norm($"{prefix}attn_k_norm.weight", shape.ActualHeadLength);
            }

            yield return Norm($"{prefix}ffn_norm.weight", embedding);
            if (experts == 0)
            {
                yield return Matrix($"{prefix}ffn_gate.weight", embedding, inner);
                yield return Matrix($"{prefix}ffn_up.weight", embedding, inner);
                yield return Matrix($"{prefix}ffn_down.weight", inner, embedding, deep);
            }
            else
            {
                yield return Matrix($"{prefix}ffn_gate_inp.weight", embedding, experts);
                yield return Experts($"{prefix}ffn_gate_exps.weight", embedding, inner);
                yield return Experts($"{prefix}ffn_up_exps.weight", embedding, inner);
                yield return Experts($"{prefix}ffn_down_exps.weight", inner, embedding, deep);
            }
        }
    }

    /// <summary>Llama 3's frequency factors: high frequencies stay, low ones are divided, between them it slides.</summary>
    private static float[] RopeFactors(ModelShape shape)
    {
        const float Context = 8192, Low = 1, High = 4;
        var factors = new float[shape.ActualHeadLength / 2];
        for (var i = 0; i < factors.Length; i++)
        {
            var turns = Context / (2 * MathF.PI * MathF.Pow(shape.RopeBase, 2f * i / shape.ActualHeadLength));
            var slide = Math.Clamp((turns - Low) / (High - Low), 0, 1);
            factors[i] = 1 / (((1 - slide) / shape.RopeFactor) + slide);
        }

        return factors;
    }

    /// <summary>Normally distributed numbers (Box and Muller 1958): [pieces × length].</summary>
    private static float[] Normals(Random random)
    {
        var values = new float[PieceCount * PieceLength];
        for (var i = 0; i < values.Length; i += 2)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            values[i + 1] = (float)(radius * sin);
        }

        return values;
    }

    private static byte[] Encode(float[] normals, BlockFormat format, float scale, CancellationToken cancellationToken)
    {
        var pool = new byte[format.RowBytes(normals.Length)];
        var pieceBytes = (int)format.RowBytes(PieceLength);
        var importance = new float[PieceLength];
        importance.AsSpan().Fill(1);
        Parallel.For(0, PieceCount, new ParallelOptions { CancellationToken = cancellationToken }, piece =>
        {
            Span<float> values = stackalloc float[PieceLength];
            for (var i = 0; i < PieceLength; i++)
            {
                values[i] = scale * normals[(piece * PieceLength) + i];
            }

            format.Encode(values, format.NeedsImportance ? importance : default, pool.AsSpan(piece * pieceBytes, pieceBytes));
        });
        return pool;
    }

    /// <summary>Writes the blocks of a matrix, drawn piece by piece; rows that are not whole pieces are drawn block by block.</summary>
    private static void WritePieces(Stream stream, BlockFormat format, byte[] pool, long columns, long count, Random random, CancellationToken cancellationToken)
    {
        var unit = columns % PieceLength == 0 ? PieceLength : format.BlockLength == 1 ? (int)Math.Min(columns, PieceLength) : format.BlockLength;
        var unitBytes = (int)format.RowBytes(unit);
        var units = pool.Length / unitBytes;
        var total = format.RowBytes(columns) * (count / columns);
        var buffer = ArrayPool<byte>.Shared.Rent(unitBytes * 1024);
        try
        {
            while (total > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var length = (int)Math.Min(total, unitBytes * 1024L);
                for (var at = 0; at < length; at += unitBytes)
                {
                    pool.AsSpan(random.Next(units) * unitBytes, unitBytes).CopyTo(buffer.AsSpan(at));
                }

                stream.Write(buffer, 0, length);
                total -= length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void WriteFloats(Stream stream, ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        BlockFormat.Get(TensorType.F32).Encode(values, default, bytes);
        stream.Write(bytes);
    }
}
