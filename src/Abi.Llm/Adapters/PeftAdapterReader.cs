using Abi.Compute.Adapters;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Adapters;

/// <summary>
/// Reads PEFT adapters: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, whose tensors are named after Hugging Face's modules:
/// <c>base_model.model.MODULE.lora_A.weight</c> [rank, in] and <c>…lora_B.weight</c> [out, rank]; of embeddings <c>…lora_embedding_A</c> [rank, entries] and <c>…lora_embedding_B</c> [width, rank].
/// </summary>
internal static class PeftAdapterReader
{
    private const string Prefix = "base_model.model.";
    private static readonly (string A, string B)[] Suffixes = [(".lora_A.weight", ".lora_B.weight"), EmbeddingSuffixes];

    private static (string A, string B) EmbeddingSuffixes => (".lora_embedding_A", ".lora_embedding_B");

    public static LoraAdapter Read(string path, GgufFile model, ModelDefinition definition, AdapterTargets targets)
    {
        var folder = Directory.Exists(path) ? path : System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        var tensorPath = Directory.Exists(path) ? System.IO.Path.Combine(path, "adapter_model.safetensors") : path;
        var configuration = PeftConfiguration.Read(System.IO.Path.Combine(folder, "adapter_config.json"));
        using var file = new SafetensorsFile(tensorPath);
        var parts = new Dictionary<WeightTensor, (FloatMatrix?[] A, FloatMatrix?[] B, float Scale)>();
        foreach (var nameA in file.Names)
        {
            if (Suffixes.Any(suffix => nameA.EndsWith(suffix.B, StringComparison.Ordinal) && file.Contains(nameA[..^suffix.B.Length] + suffix.A)))
            {
                continue; // taken with its other half
            }

            var suffixes = Suffixes.FirstOrDefault(suffix => nameA.EndsWith(suffix.A, StringComparison.Ordinal) && file.Contains(nameA[..^suffix.A.Length] + suffix.B));
            if (suffixes.A is null)
            {
                throw new ModelFormatException($"The adapter's tensor '{nameA}' is not one half of a pair {string.Join(" or ", Suffixes.Select(suffix => $"'{suffix.A}' and '{suffix.B}'"))}", tensorPath);
            }

            var module = nameA[..^suffixes.A.Length];
            var nameB = module + suffixes.B;
            module = module.StartsWith(Prefix, StringComparison.Ordinal) ? module[Prefix.Length..] : module;
            var (name, expert) = PeftNames.Find(module) ?? throw new ModelFormatException($"The adapter changes the module '{module}', which has no counterpart in GGUF files here", tensorPath);
            if (name == "output.weight" && !targets.Contains(name))
            {
                throw new UnsupportedModelException($"The adapter changes the module '{module}', but the model's output is tied to its embeddings: it cannot be changed alone (in {tensorPath}).");
            }

            var weight = targets.Get(name, module, tensorPath);
            var (a, b) = (file.Read(nameA), file.Read(nameB));
            if (suffixes == EmbeddingSuffixes)
            {
                (a, b) = (b.Transpose(), a.Transpose());
            }

            if (PeftNames.IsReordered(definition.Architecture, name))
            {
                b = b.HalvesToNeighbours(Heads(name, model, definition, b, tensorPath));
            }

            var scale = configuration.Scale(module, Math.Max(a.Rows, 1));
            if (!parts.TryGetValue(weight, out var part))
            {
                var experts = AdapterTargets.Experts(weight);
                parts.Add(weight, part = (new FloatMatrix?[experts], new FloatMatrix?[experts], scale));
            }

            if (expert >= part.A.Length || part.A[expert] is not null || !part.Scale.Equals(scale))
            {
                throw new ModelFormatException(
                    $"The adapter changes the module '{module}', which is expert {expert} of {part.A.Length} of the matrix '{name}', by the scale {scale}; each is changed once, and all by the same scale ({part.Scale})", tensorPath);
            }

            (part.A[expert], part.B[expert]) = (a, b);
        }

        return parts.Count > 0
            ? new LoraAdapter(path, parts.ToDictionary(part => part.Key, part => AdapterTargets.Change(part.Key, All(part.Key, part.Value.A, tensorPath), All(part.Key, part.Value.B, tensorPath), part.Value.Scale, tensorPath)))
            : throw new ModelFormatException("The adapter changes nothing: it has no tensor pair", tensorPath);
    }

    private static FloatMatrix[] All(WeightTensor weight, FloatMatrix?[] matrices, string path)
    {
        FloatMatrix[] all = [.. matrices.OfType<FloatMatrix>()];
        return all.Length == matrices.Length
            ? all
            : throw new ModelFormatException($"The adapter changes experts of '{weight.Name}', but not expert {Array.IndexOf(matrices, null)} of {matrices.Length}; all of them, or none, can be changed", path);
    }

    private static int Heads(string name, GgufFile model, ModelDefinition definition, FloatMatrix b, string path)
    {
        var block = int.Parse(name.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);
        var numbers = definition.Hyperparameters;
        var heads = block >= numbers.BlockCount ? 0 : name.Contains("attn_k", StringComparison.Ordinal) ? numbers.KeyValueHeads[block] : numbers.Heads[block];
        return heads > 0 && b.Rows % (2 * heads) == 0
            ? heads
            : throw new ModelFormatException($"The adapter's change of '{name}' has {b.Rows} rows, which {heads} heads of the model {model.Path} do not divide", path);
    }
}
