using Abi.Llm.Tokenizers;

namespace Abi.Llm.Sampling;

/// <summary>Chains that know the tokenizer.</summary>
public sealed partial class SamplerChain
{
    /// <summary>Builds the chain that the options ask for; links that would do nothing are left out.</summary>
    /// <param name="options">How to choose.</param>
    /// <param name="vocabularySize">The number of logits.</param>
    /// <param name="tokenizer">Tells the tokens of DRY's sequence breakers.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static SamplerChain Create(SamplingOptions options, int vocabularySize, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var isDry = options.DryMultiplier != 0 && !options.DrySequenceBreakers.IsDefaultOrEmpty;
        return Create(options, vocabularySize, isDry ? DryBreakers.Create(tokenizer, options.DrySequenceBreakers) : DryBreakers.None);
    }
}
