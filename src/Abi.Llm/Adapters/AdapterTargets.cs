using Abi.Compute.Adapters;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Llm.Adapters;

/// <summary>The matrices of a model that an adapter can change: those that whole rows are multiplied with, the experts' among them, and the token embeddings.</summary>
internal sealed class AdapterTargets
{
    /// <summary>The name of the table of token embeddings.</summary>
    public const string Embeddings = "token_embd.weight";

    private readonly Dictionary<string, WeightTensor> _byName;

    private AdapterTargets(Dictionary<string, WeightTensor> byName) => _byName = byName;

    public static AdapterTargets Of(Graph graph)
    {
        var byName = new Dictionary<string, WeightTensor>(StringComparer.Ordinal);
        foreach (var weight in AdaptedGraph.Targets(graph))
        {
            byName[weight.Name] = weight;
        }

        return new AdapterTargets(byName);
    }

    /// <summary>The matrices that a weight is made of: its experts', or one.</summary>
    public static int Experts(WeightTensor weight) => weight.Shape.Length > 2 ? checked((int)weight.Shape[2]) : 1;

    public bool Owns(WeightTensor weight) => _byName.TryGetValue(weight.Name, out var own) && own == weight;

    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The matrix with this name.</summary>
    /// <exception cref="ModelFormatException">The model has none that an adapter can change.</exception>
    public WeightTensor Get(string name, string source, string path) => _byName.TryGetValue(name, out var weight)
        ? weight
        : throw new ModelFormatException($"The adapter changes '{source}', but the model has no matrix '{name}' that an adapter can change (norms, biases and heads' own matrices cannot be)", path);

    /// <summary>Makes a change of float32 matrices, which it keeps in memory of its own.</summary>
    /// <param name="weight">W: [out, in], or [experts, out, in].</param>
    /// <param name="a">[rank, in] of each expert; one for a matrix.</param>
    /// <param name="b">[out, rank] of each expert.</param>
    /// <param name="scale">What the change is multiplied by.</param>
    /// <param name="path">The adapter's file, for errors.</param>
    public static WeightAdapter Change(WeightTensor weight, FloatMatrix[] a, FloatMatrix[] b, float scale, string path)
    {
        var (experts, rank) = (Experts(weight), a[0].Rows);
        for (var e = 0; e < experts; e++)
        {
            if (a[e].Columns != weight.Columns || b[e].Rows != weight.Rows / experts || a[e].Rows != rank || b[e].Columns != rank || rank == 0)
            {
                throw new ModelFormatException(
                    $"The adapter's change of '{weight.Name}'{(experts > 1 ? $", expert {e}," : "")} is [{b[e].Rows}, {b[e].Columns}] times [{a[e].Rows}, {a[e].Columns}]; the matrix is [{weight.Rows / experts}, {weight.Columns}]"
                    + (rank > 0 ? $", and the rank {rank}" : ", and a rank of 1 at least is needed"), path);
            }
        }

        return float.IsFinite(scale)
            ? new WeightAdapter(Keep(a, $"{weight.Name}.lora_a"), Keep(Array.ConvertAll(b, static matrix => matrix.Transpose()), $"{weight.Name}.lora_b"), scale)
            : throw new ModelFormatException($"The adapter's scale for '{weight.Name}' is {scale}; it must be a finite number", path);
    }

    private static unsafe WeightTensor Keep(FloatMatrix[] matrices, string name)
    {
        var length = matrices[0].Values.Length;
        var buffer = new NativeBuffer((long)matrices.Length * length * sizeof(float));
        for (var i = 0; i < matrices.Length; i++)
        {
            matrices[i].Values.CopyTo(new Span<float>((float*)buffer.Address + ((long)i * length), length));
        }

        return new WeightTensor(name, TensorType.F32, [matrices[0].Columns, matrices[0].Rows, matrices.Length], buffer, 0);
    }
}
