// Makes models of those that make-references.sh made, on which a setting shows: attention weights are larger, and one key is changed, or blocks are repeated.
//   dotnet run benchmarks/compare/architectures/change-settings.cs FOLDER CHANGED
// writes a folder for each setting to CHANGED; make-references.sh makes the references of each, and AllArchitecturesEqualTheReference compares them.
#:project ../../../src/Abi.Llm/Abi.Llm.csproj
using System.Runtime.InteropServices;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

const float AttentionFactor = 30;

(string Name, (string Key, GgufValue Value)[] Values)[] settings =
[
    ("plain", []),
    ("attention.clamp_kqv", [("attention.clamp_kqv", GgufValue.Of(0.4f))]),
    ("attention.max_alibi_bias", [("attention.max_alibi_bias", GgufValue.Of(4f))]),
    ("attention.scale", [("attention.scale", GgufValue.Of(0.03f))]),
    ("embedding_scale", [("embedding_scale", GgufValue.Of(1.7f))]),
    ("expert_weights_scale", [("expert_weights_scale", GgufValue.Of(1.6f))]),
    ("logit_scale", [("logit_scale", GgufValue.Of(0.7f))]),
    ("residual_scale", [("residual_scale", GgufValue.Of(0.6f))]),
    (
        "rope.scaling.yarn",
        [
            ("rope.scaling.type", GgufValue.Of("yarn")), ("rope.scaling.factor", GgufValue.Of(4f)), ("rope.scaling.original_context_length", GgufValue.Of(32u)),
            ("rope.scaling.yarn_beta_fast", GgufValue.Of(5f)),
        ]),
];

// Sizes that differ by more than size.
(string Architecture, int Blocks)[] sizes = [("baichuan", 32), ("baichuan", 40), ("exaone4", 64), ("gemma2", 46), ("gemma3", 62)];

foreach (var path in Directory.GetFiles(args[0], "*.gguf").Order(StringComparer.Ordinal))
{
    using var file = GgufFile.Open(path);
    var architecture = file.Metadata.GetString("general.architecture");
    foreach (var (name, values) in settings)
    {
        var metadata = values.Aggregate(file.Metadata, (changed, one) => changed.With($"{architecture}.{one.Key}", one.Value));
        Write(name, path, metadata, file.Tensors.Select(tensor => (tensor.Name, tensor)));
    }

    foreach (var (_, blocks) in sizes.Where(size => size.Architecture == architecture))
    {
        Write($"blocks-{blocks}", path, file.Metadata.With($"{architecture}.block_count", GgufValue.Of((uint)blocks)), Repeated(file, file.Metadata.GetInt32($"{architecture}.block_count"), blocks));
    }
}

// Each block is one of those that there are, in turn.
static IEnumerable<(string Name, WeightTensor Tensor)> Repeated(GgufFile file, int blocks, int wanted)
{
    foreach (var tensor in file.Tensors)
    {
        var parts = tensor.Name.Split('.', 3);
        if (parts[0] != "blk")
        {
            yield return (tensor.Name, tensor);
            continue;
        }

        for (var block = int.Parse(parts[1]); block < wanted; block += blocks)
        {
            yield return ($"blk.{block}.{parts[2]}", tensor);
        }
    }
}

void Write(string folder, string path, GgufMetadata metadata, IEnumerable<(string Name, WeightTensor Tensor)> tensors)
{
    var writer = new GgufWriter(metadata);
    foreach (var (name, tensor) in tensors)
    {
        if (tensor.Type == TensorType.F32 && name.EndsWith(".weight") && (name.Contains("attn_q.") || name.Contains("attn_k.") || name.Contains("attn_v.") || name.Contains("attn_qkv.")))
        {
            writer.Add(name, tensor.Type, tensor.Shape.ToArray(), Larger(tensor));
        }
        else
        {
            writer.Add(name, tensor);
        }
    }

    Directory.CreateDirectory(Path.Combine(args[1], folder));
    writer.Write(Path.Combine(args[1], folder, Path.GetFileName(path)));
}

static byte[] Larger(WeightTensor tensor)
{
    var values = new float[tensor.Rows * tensor.Columns];
    for (var row = 0; row < tensor.Rows; row++)
    {
        tensor.DecodeRow(row, values.AsSpan((int)(row * tensor.Columns), (int)tensor.Columns));
    }

    for (var i = 0; i < values.Length; i++)
    {
        values[i] *= AttentionFactor;
    }

    return MemoryMarshal.AsBytes<float>(values).ToArray();
}
