using Abi.Compute.Adapters;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Llm.Adapters;

/// <summary>The matrices of a model that an adapter can change: those that whole rows are multiplied with.</summary>
internal sealed class AdapterTargets
{
    private readonly Dictionary<string, WeightTensor> _byName;

    private AdapterTargets(Dictionary<string, WeightTensor> byName) => _byName = byName;

    public static AdapterTargets Of(Graph graph)
    {
        var byName = new Dictionary<string, WeightTensor>(StringComparer.Ordinal);
        foreach (var product in graph.Operations.OfType<MatMul>())
        {
            byName[product.Weight.Name] = product.Weight;
        }

        return new AdapterTargets(byName);
    }

    public bool Owns(WeightTensor weight) => _byName.TryGetValue(weight.Name, out var own) && own == weight;

    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The matrix with this name.</summary>
    /// <exception cref="ModelFormatException">The model has none that an adapter can change.</exception>
    public WeightTensor Get(string name, string source, string path) => _byName.TryGetValue(name, out var weight)
        ? weight
        : throw new ModelFormatException($"The adapter changes '{source}', but the model has no matrix '{name}' that an adapter can change (embeddings, norms and experts cannot be)", path);

    /// <summary>Makes a change of float32 matrices, which it keeps in memory of its own.</summary>
    /// <param name="weight">W: [out, in].</param>
    /// <param name="a">[rank, in].</param>
    /// <param name="b">[out, rank].</param>
    /// <param name="scale">What the change is multiplied by.</param>
    /// <param name="path">The adapter's file, for errors.</param>
    public static WeightAdapter Change(WeightTensor weight, FloatMatrix a, FloatMatrix b, float scale, string path)
    {
        if (a.Columns != weight.Columns || b.Rows != weight.Rows || a.Rows != b.Columns || a.Rows == 0)
        {
            throw new ModelFormatException(
                $"The adapter's change of '{weight.Name}' is [{b.Rows}, {b.Columns}] times [{a.Rows}, {a.Columns}]; the matrix is [{weight.Rows}, {weight.Columns}]", path);
        }

        return float.IsFinite(scale)
            ? new WeightAdapter(Keep(a, $"{weight.Name}.lora_a"), Keep(b.Transpose(), $"{weight.Name}.lora_b"), scale)
            : throw new ModelFormatException($"The adapter's scale for '{weight.Name}' is {scale}; it must be a finite number", path);
    }

    private static unsafe WeightTensor Keep(FloatMatrix matrix, string name)
    {
        var buffer = new NativeBuffer((long)matrix.Values.Length * sizeof(float));
        matrix.Values.CopyTo(new Span<float>((void*)buffer.Address, matrix.Values.Length));
        return new WeightTensor(name, TensorType.F32, [matrix.Columns, matrix.Rows], buffer, 0);
    }
}
