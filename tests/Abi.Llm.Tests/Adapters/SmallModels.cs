using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;

namespace Abi.Llm.Tests.Adapters;

/// <summary>The random models in F32 that the adapters of <c>References</c> belong to, and copies of them with the adapters' changes written out.</summary>
internal static class SmallModels
{
    private const string Shape = "tiny,vocabulary=272,context=1024,embedding=32,feedforward=48,blocks=2,heads=2,kvheads=1";

    public static void WriteExperts(string path) => Write(path, ",architecture=qwen3moe,experts=4,used=2", seed: 11);

    public static void WriteDense(string path, bool isTied = false) => Write(path, isTied ? ",tied=true" : "", seed: 12);

    public static string PathOf(string name) => Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Adapters", "References", name);

    /// <summary>
    /// The definition, element by element: <c>W[e, o, i] += scale × alpha / rank × Σ b[e, o, r] a[e, r, i]</c>, and of embeddings <c>W[token, i] += scale × alpha / rank × Σ a[token, r] b[i, r]</c>. An output
    /// that is tied to changed embeddings stays.
    /// </summary>
    public static void WriteChanged(string model, string output, params (string Path, float Scale)[] adapters)
    {
        using var file = GgufFile.Open(model);
        var writer = new GgufWriter(file.Metadata);
        foreach (var tensor in file.Tensors)
        {
            var values = tensor.ToFloats();
            foreach (var (path, scale) in adapters)
            {
                using var adapter = GgufFile.Open(path);
                if (adapter.FindTensor(tensor.Name + ".lora_a") is { } a)
                {
                    Change(tensor.Name, values, (int)tensor.Columns, tensor.Shape.Length < 2 ? 1 : (int)tensor.Shape[1], a.ToFloats(), adapter.GetTensor(tensor.Name + ".lora_b").ToFloats(),
                        (int)adapter.GetTensor(tensor.Name + ".lora_b").Columns, scale * adapter.Metadata.GetSingle("adapter.lora.alpha"));
                }
            }

            writer.Add(tensor.Name, Abi.Compute.Tensors.WeightTensor.FromFloats(tensor.Name, tensor.Shape.AsSpan(), values));
        }

        if (file.FindTensor("output.weight") is null)
        {
            writer.Add("output.weight", file.GetTensor("token_embd.weight"));
        }

        writer.Write(output);
    }

    private static void Change(string name, float[] values, int columns, int rows, float[] a, float[] b, int rank, double scale)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var (row, column) = (i / columns, i % columns); // expert × rows + o, of embeddings the token
            var sum = 0.0;
            for (var r = 0; r < rank; r++)
            {
                sum += name == "token_embd.weight"
                    ? (double)a[(row * rank) + r] * b[(column * rank) + r]
                    : (double)b[(row * rank) + r] * a[(((row / rows * rank) + r) * columns) + column];
            }

            values[i] = (float)(values[i] + (scale / rank * sum));
        }
    }

    private static void Write(string path, string change, int seed) => RandomModel.Write(path, ModelShape.Parse(Shape + change), QuantizationTarget.Parse("F32"), seed);
}
