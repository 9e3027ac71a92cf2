using Abi.Compute.Adapters;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Adapters;

/// <summary>
/// Reads PEFT adapters: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, whose tensors are named after Hugging Face's modules:
/// <c>base_model.model.MODULE.lora_A.weight</c> [rank, in] and <c>…lora_B.weight</c> [out, rank].
/// </summary>
internal static class PeftAdapterReader
{
    private const string Prefix = "base_model.model.";
    private const string SuffixA = ".lora_A.weight";
    private const string SuffixB = ".lora_B.weight";

    public static LoraAdapter Read(string path, GgufFile model, ModelDefinition definition, AdapterTargets targets)
    {
        var folder = Directory.Exists(path) ? path : System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        var tensorPath = Directory.Exists(path) ? System.IO.Path.Combine(path, "adapter_model.safetensors") : path;
        var configuration = PeftConfiguration.Read(System.IO.Path.Combine(folder, "adapter_config.json"));
        using var file = new SafetensorsFile(tensorPath);
        var changes = new Dictionary<WeightTensor, WeightAdapter>();
        foreach (var nameA in file.Names)
        {
            if (nameA.EndsWith(SuffixB, StringComparison.Ordinal) && file.Contains(nameA[..^SuffixB.Length] + SuffixA))
            {
                continue; // taken with its other half
            }

            var nameB = nameA.EndsWith(SuffixA, StringComparison.Ordinal) ? nameA[..^SuffixA.Length] + SuffixB : string.Empty;
            if (!file.Contains(nameB))
            {
                throw new ModelFormatException($"The adapter's tensor '{nameA}' is not one half of a pair '{SuffixA}' and '{SuffixB}'", tensorPath);
            }

            var module = nameA[..^SuffixA.Length];
            module = module.StartsWith(Prefix, StringComparison.Ordinal) ? module[Prefix.Length..] : module;
            var name = PeftNames.Find(module) ?? throw new ModelFormatException($"The adapter changes the module '{module}', which has no counterpart in GGUF files here", tensorPath);
            if (name == "output.weight" && !targets.Contains(name))
            {
                throw new UnsupportedModelException($"The adapter changes the module '{module}', but the model's output is tied to its embeddings: it cannot be changed alone (in {tensorPath}).");
            }

            var weight = targets.Get(name, module, tensorPath);
            var (a, b) = (file.Read(nameA), file.Read(nameB));
            if (PeftNames.IsReordered(definition.Architecture, name))
            {
                b = b.HalvesToNeighbours(Heads(name, model, definition, b, tensorPath));
            }

            changes.Add(weight, AdapterTargets.Change(weight, a, b, configuration.Scale(module, Math.Max(a.Rows, 1)), tensorPath));
        }

        return changes.Count > 0 ? new LoraAdapter(path, changes) : throw new ModelFormatException("The adapter changes nothing: it has no tensor pair", tensorPath);
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
