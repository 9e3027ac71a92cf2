namespace Abi.Llm.Sampling;

/// <summary>The samplers whose order in the chain can be chosen (<see cref="SamplingOptions.Order"/>).</summary>
public enum SamplerKind
{
    /// <summary>Repetition, frequency and presence penalties.</summary>
    Penalties,

    /// <summary>The "don't repeat yourself" penalty on tokens that would continue a repetition.</summary>
    Dry,

    /// <summary>Keeps logits within n standard deviations of the best.</summary>
    TopNSigma,

    /// <summary>Keeps the k best.</summary>
    TopK,

    /// <summary>Keeps the tokens whose surprise is closest to the expected one.</summary>
    Typical,

    /// <summary>Cuts the tail where the sorted probabilities stop bending.</summary>
    TailFree,

    /// <summary>Keeps the best tokens that together hold a probability.</summary>
    TopP,

    /// <summary>Keeps tokens with at least a share of the best one's probability.</summary>
    MinP,

    /// <summary>Sometimes drops all but the last of the tokens above a threshold.</summary>
    Xtc,

    /// <summary>Divides logits by a temperature, fixed or dynamic.</summary>
    Temperature,
}
