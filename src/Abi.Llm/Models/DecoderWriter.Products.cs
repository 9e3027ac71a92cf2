using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Llm.Models;

/// <summary>Products with weights that may carry a scale of their own (<c>NAME.scale</c>: what NVFP4 files divide their blocks' scales by).</summary>
internal sealed partial class DecoderWriter
{
    private const string WeightSuffix = ".weight";

    private Value MatMul(Value x, WeightTensor weight, WeightTensor? bias = null, string? name = null)
    {
        if (ScaleOf(weight) is not { } scale)
        {
            return _graph.MatMul(x, weight, bias, name);
        }

        var product = _graph.MatMul(x, weight);
        if (bias is null)
        {
            return _graph.MultiplyWeight(product, scale, name);
        }

        // Feed-forward networks scale the sum with the bias, the rest the product alone.
        return IsFeedForward(weight) ? _graph.MultiplyWeight(_graph.AddWeight(product, bias), scale, name) : _graph.AddWeight(_graph.MultiplyWeight(product, scale), bias, name);
    }

    /// <summary>A matrix's scale, [1], where the reference honours it: in feed-forward networks only of some architectures.</summary>
    private WeightTensor? ScaleOf(WeightTensor weight)
    {
        if (!weight.Name.EndsWith(WeightSuffix, StringComparison.Ordinal))
        {
            return null;
        }

        var honoured = IsFeedForward(weight) ? _architecture.ScalesFeedForward : !_architecture.Unscaled.Any(part => weight.Name.StartsWith(part, StringComparison.Ordinal) || weight.Name.Contains($".{part}", StringComparison.Ordinal));
        return honoured ? _tensors.Find($"{weight.Name[..^WeightSuffix.Length]}.scale", 1) : null;
    }

    private static bool IsFeedForward(WeightTensor weight) => weight.Name.Contains(".ffn_", StringComparison.Ordinal);

    /// <summary>The products of rows with their experts' matrices, times each expert's scale where the architecture has them.</summary>
    private Value ExpertMatMul(Value x, Value route, WeightTensor weight, WeightTensor? bias, string name)
    {
        if (!_architecture.ScalesExperts || _tensors.Find($"{weight.Name[..^WeightSuffix.Length]}.scale", weight.Shape[^1]) is not { } scales)
        {
            return _graph.ExpertMatMul(x, route, weight, bias, name);
        }

        if (bias is not null)
        {
            throw new ModelFormatException($"Tensor '{weight.Name}' has scales and a bias; which comes first is not known", _tensors.File.Path);
        }

        // The chosen experts' scales, one column each: products of 1 with matrices of one element.
        var one = _graph.Scale(_graph.Slice(x, 0, 1), 0, 1);
        var chosen = _graph.ExpertMatMul(one, route, WeightTensor.FromFloats(scales.Name, [1, 1, scales.Count], scales.ToFloats()));
        return _graph.Multiply(_graph.ExpertMatMul(x, route, weight), chosen, name);
    }
}
