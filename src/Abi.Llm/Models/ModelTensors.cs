using System.Collections.Immutable;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>A model's tensors by name, with the shapes that the architecture expects checked.</summary>
internal sealed class ModelTensors(GgufFile file, ImmutableArray<string> ignored = default)
{
    private const long Any = -1;

    public GgufFile File { get; } = file;

    /// <summary>A tensor that must be there; -1 in the shape allows any length.</summary>
    public WeightTensor Require(string name, params ReadOnlySpan<long> shape) => Check(Resolve(name) ?? File.GetTensor(name), shape);

    /// <summary>A tensor that may be there.</summary>
    public WeightTensor? Find(string name, params ReadOnlySpan<long> shape) => Resolve(name) is { } tensor ? Check(tensor, shape) : null;

    /// <summary>The weights of a gate, which may be missing only where the architecture has an activation to take its place.</summary>
    public WeightTensor? FindGate(Architecture architecture, string name, params ReadOnlySpan<long> shape) => architecture.Activation is null ? Require(name, shape) : Find(name, shape);

    public bool Has(string name) => Resolve(name) is not null;

    /// <summary>Some files leave <c>.weight</c> off the names of norms.</summary>
    private WeightTensor? Resolve(string name) => !ignored.IsDefaultOrEmpty && ignored.Any(end => name.EndsWith(end, StringComparison.Ordinal) && (name.Length == end.Length || name[^(end.Length + 1)] == '.'))
        ? null
        : File.FindTensor(name) ?? (name.EndsWith("norm.weight", StringComparison.Ordinal) ? File.FindTensor(name[..^".weight".Length]) : null);

    private WeightTensor Check(WeightTensor tensor, ReadOnlySpan<long> shape)
    {
        if (tensor.Format.IsIntegerData)
        {
            throw new ModelFormatException($"Tensor '{tensor.Name}' is {tensor.Type}; a weight must be a float or a block format", File.Path);
        }

        for (var i = 0; i < Math.Max(shape.Length, tensor.Shape.Length); i++)
        {
            var found = i < tensor.Shape.Length ? tensor.Shape[i] : 1;
            var expected = i < shape.Length ? shape[i] : 1;
            if (expected != Any && found != expected)
            {
                throw new ModelFormatException($"Tensor '{tensor.Name}' has the shape [{string.Join(", ", tensor.Shape)}]; the metadata asks for [{string.Join(", ", shape.ToArray().Select(n => n == Any ? "any" : n.ToString(System.Globalization.CultureInfo.InvariantCulture)))}]", File.Path);
            }
        }

        return tensor;
    }
}
