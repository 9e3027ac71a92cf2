using System.Collections.Immutable;
using Abi.Compute.Formats;

namespace Abi.Llm.Quantization;

/// <summary>What a model can be quantised to: the mixtures of llama-quantize, by its names, and plain block formats that it has no mixture for.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class QuantizationTarget
{
    private static readonly Dictionary<string, QuantizationTarget> ByName = new(StringComparer.OrdinalIgnoreCase);

    private QuantizationTarget(string name, int fileType, TensorType type, bool isPlain = false)
    {
        Name = name;
        FileType = fileType;
        Type = type;
        IsPlain = isPlain;
    }

    /// <summary>Every target, a name once.</summary>
    public static ImmutableArray<QuantizationTarget> All { get; } = Create();

    /// <summary>The name (<c>Q4_K_M</c>).</summary>
    public string Name { get; }

    /// <summary>The number that <c>general.file_type</c> gets.</summary>
    public int FileType { get; }

    /// <summary>The format of a tensor that no rule of the mixture treats differently.</summary>
    public TensorType Type { get; }

    /// <summary>Whether every tensor that is quantised gets <see cref="Type"/>, whatever it is for.</summary>
    public bool IsPlain { get; }

    /// <summary>Whether tensors are copied as they are.</summary>
    internal bool IsCopy => Name == "COPY";

    /// <summary>The target of this name, in any case; <c>Q3_K</c>, <c>Q4_K</c> and <c>Q5_K</c> mean their medium mixtures, as in llama-quantize.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists them.</exception>
    public static QuantizationTarget Parse(string name) => TryParse(name) ?? throw new ArgumentException($"'{name}' is not a type that a model can be quantised to. There are: {string.Join(", ", All.Select(target => target.Name))}.", nameof(name));

    /// <summary>The target of this name, or null.</summary>
    public static QuantizationTarget? TryParse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ByName.GetValueOrDefault(name);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether this is one of the named mixtures.</summary>
    internal bool IsAnyOf(params ReadOnlySpan<string> names) => names.Contains(Name);

    private static ImmutableArray<QuantizationTarget> Create()
    {
        ImmutableArray<QuantizationTarget> targets =
        [
            new("F32", 0, TensorType.F32),
            new("F16", 1, TensorType.F16),
            new("BF16", 32, TensorType.BF16),
            new("Q8_0", 7, TensorType.Q8_0),
            new("Q6_K", 18, TensorType.Q6_K),
            new("Q5_K_M", 17, TensorType.Q5_K),
            new("Q5_K_S", 16, TensorType.Q5_K),
            new("Q5_1", 9, TensorType.Q5_1),
            new("Q5_0", 8, TensorType.Q5_0),
            new("Q4_K_M", 15, TensorType.Q4_K),
            new("Q4_K_S", 14, TensorType.Q4_K),
            new("Q4_1", 3, TensorType.Q4_1),
            new("Q4_0", 2, TensorType.Q4_0),
            new("IQ4_NL", 25, TensorType.IQ4_NL),
            new("IQ4_XS", 30, TensorType.IQ4_XS),
            new("MXFP4_MOE", 38, TensorType.MXFP4),
            new("Q3_K_L", 13, TensorType.Q3_K),
            new("Q3_K_M", 12, TensorType.Q3_K),
            new("Q3_K_S", 11, TensorType.Q3_K),
            new("IQ3_M", 27, TensorType.IQ3_S),
            new("IQ3_S", 26, TensorType.IQ3_S),
            new("IQ3_XS", 22, TensorType.IQ3_S),
            new("IQ3_XXS", 23, TensorType.IQ3_XXS),
            new("Q2_K", 10, TensorType.Q2_K),
            new("Q2_K_S", 21, TensorType.Q2_K),
            new("IQ2_M", 29, TensorType.IQ2_S),
            new("IQ2_S", 28, TensorType.IQ2_XS),
            new("IQ2_XS", 20, TensorType.IQ2_XS),
            new("IQ2_XXS", 19, TensorType.IQ2_XXS),
            new("IQ1_M", 31, TensorType.IQ1_M),
            new("IQ1_S", 24, TensorType.IQ1_S),
            new("TQ2_0", 37, TensorType.TQ2_0),
            new("TQ1_0", 36, TensorType.TQ1_0),
            new("Q2_0", 41, TensorType.Q2_0),
            new("Q1_0", 40, TensorType.Q1_0),
            new("MXFP4", 38, TensorType.MXFP4, isPlain: true),
            new("NVFP4", 39, TensorType.NVFP4, isPlain: true),
            new("COPY", 0, TensorType.F32),
        ];
        foreach (var target in targets)
        {
            ByName.Add(target.Name, target);
        }

        ByName.Add("Q3_K", ByName["Q3_K_M"]);
        ByName.Add("Q4_K", ByName["Q4_K_M"]);
        ByName.Add("Q5_K", ByName["Q5_K_M"]);
        return targets;
    }
}
