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

    /// <summary>The products with the chosen experts' matrices, each expert with a scale of its own where the file holds one (<c>NAME.scale</c>, [experts]).</summary>
    private Value ExpertMatMul(Value x, Value route, WeightTensor weight, WeightTensor? bias, string name)
    {
        if (ExpertScalesOf(weight) is not { } scale)
        {
            return _graph.ExpertMatMul(x, route, weight, bias, name);
        }

        var experts = weight.Shape[2];
        // Each row's scales are the "matrices" [1, 1] of its experts times one: [rows, used].
        var one = _graph.Scale(_graph.Slice(route, 0, 1), 0, 1);
        var scales = _graph.ExpertMatMul(one, route, WeightTensor.FromFloats(scale.Name, [1, 1, experts], scale.ToFloats()), null);
        if (bias is null)
        {
            return _graph.Multiply(_graph.ExpertMatMul(x, route, weight, null), scales, name);
        }

        var biases = _graph.ExpertMatMul(one, route, WeightTensor.FromFloats(bias.Name, [1, weight.Shape[1], experts], bias.ToFloats()), null);
        return _graph.Add(_graph.Multiply(_graph.ExpertMatMul(x, route, weight, null), scales), biases, name);
    }

    /// <summary>The scales of experts' matrices, [experts], or null.</summary>
    private WeightTensor? ExpertScalesOf(WeightTensor weight) =>
        _architecture.ScalesExperts && weight.Name.EndsWith(WeightSuffix, StringComparison.Ordinal) ? _tensors.Find($"{weight.Name[..^WeightSuffix.Length]}.scale", weight.Shape[2]) : null;

    /// <summary>A matrix's scale, [1], where the reference honours it: in feed-forward networks only of some architectures.</summary>
    private WeightTensor? ScaleOf(WeightTensor weight)
    {
        if (!weight.Name.EndsWith(WeightSuffix, StringComparison.Ordinal))
        {
            return null;
        }

        var honoured = (_architecture.ScalesFeedForward || !IsFeedForward(weight)) && !_architecture.Unscaled.Any(part => weight.Name.StartsWith(part, StringComparison.Ordinal) || weight.Name.Contains($".{part}", StringComparison.Ordinal));
        return honoured ? _tensors.Find($"{weight.Name[..^WeightSuffix.Length]}.scale", 1) : null;
    }

    private static bool IsFeedForward(WeightTensor weight) => weight.Name.Contains(".ffn_", StringComparison.Ordinal);
}
