using Abi.Compute.Adapters;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Adapters;

/// <summary>
/// Reads adapters from GGUF files: tensors <c>NAME.lora_a</c> [in, rank] and <c>NAME.lora_b</c> [rank, out], of experts [in, rank, experts] and [rank, out, experts], scaled by
/// <c>adapter.lora.alpha</c> / rank. Of token embeddings the first is [rank, entries], whose rows are looked up, and the second [rank, width].
/// </summary>
internal static class GgufAdapterReader
{
    private const string SuffixA = ".lora_a";
    private const string SuffixB = ".lora_b";

    public static LoraAdapter Read(string path, ModelDefinition definition, AdapterTargets targets)
    {
        using var file = GgufFile.Open(path);
        Expect(file, "general.type", "adapter");
        Expect(file, "adapter.type", "lora");
        Expect(file, "general.architecture", definition.Architecture);
        if (file.Metadata.TryGet("adapter.alora.invocation_tokens", out _))
        {
            throw new UnsupportedModelException($"The adapter is an activated LoRA ('adapter.alora.invocation_tokens' in {path}), which is not supported.");
        }

        var alpha = file.Metadata.GetSingle("adapter.lora.alpha", 0);
        var changes = new Dictionary<WeightTensor, WeightAdapter>();
        foreach (var tensor in file.Tensors)
        {
            if (tensor.Name.EndsWith(SuffixB, StringComparison.Ordinal) && file.FindTensor(tensor.Name[..^SuffixB.Length] + SuffixA) is not null)
            {
                continue; // taken with its other half
            }

            if (!tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal) || file.FindTensor(tensor.Name[..^SuffixA.Length] + SuffixB) is not { } other)
            {
                throw new ModelFormatException($"The adapter's tensor '{tensor.Name}' is not one half of a pair '{SuffixA}' and '{SuffixB}'", path);
            }

            var name = tensor.Name[..^SuffixA.Length];
            var weight = targets.Get(name, name, path);
            var (a, b) = (Floats(tensor, weight, path), Floats(other, weight, path));
            if (name == AdapterTargets.Embeddings)
            {
                (a, b) = (Array.ConvertAll(b, static matrix => matrix.Transpose()), a);
            }

            changes.Add(weight, AdapterTargets.Change(weight, a, b, alpha == 0 ? 1 : alpha / b[0].Columns, path));
        }

        return changes.Count > 0 ? new LoraAdapter(path, changes) : throw new ModelFormatException("The adapter changes nothing: it has no tensor pair", path);
    }

    private static void Expect(GgufFile file, string key, string expected)
    {
        var found = file.Metadata.GetString(key, string.Empty);
        if (!string.Equals(found, expected, StringComparison.Ordinal))
        {
            throw new ModelFormatException($"'{key}' is '{found}'; an adapter for this model has '{expected}'", file.Path);
        }
    }

    /// <summary>The matrices of a tensor: one for each of the weight.</summary>
    private static FloatMatrix[] Floats(WeightTensor tensor, WeightTensor weight, string path)
    {
        var experts = AdapterTargets.Experts(weight);
        if (tensor.Shape.Length > 3 || AdapterTargets.Experts(tensor) != experts || tensor.Format.IsIntegerData || tensor.Count > Array.MaxLength)
        {
            throw new ModelFormatException(
                $"The adapter's tensor '{tensor.Name}' is {tensor.Type} [{string.Join(", ", tensor.Shape)}]; {(experts > 1 ? $"{experts} matrices of floats are" : "a matrix of floats is")} needed", path);
        }

        var matrices = new FloatMatrix[experts];
        var (values, rows, columns) = (tensor.ToFloats(), (int)tensor.Rows / matrices.Length, (int)tensor.Columns);
        for (var i = 0; i < matrices.Length; i++)
        {
            matrices[i] = new FloatMatrix(rows, columns, values.AsSpan(i * rows * columns, rows * columns).ToArray());
        }

        return matrices;
    }
}
