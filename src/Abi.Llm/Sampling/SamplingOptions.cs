using System.Collections.Immutable;
using System.Globalization;

namespace Abi.Llm.Sampling;

/// <summary>How the next token is chosen. The defaults are llama.cpp's; a <see cref="Temperature"/> of 0 is greedy.</summary>
/// <remarks>Immutable and thread-safe, as far as the processors given are.</remarks>
public sealed record SamplingOptions
{
    private const int MostBreakers = 256;

    /// <summary>llama.cpp's order, with tail-free after typical, where it used to be.</summary>
    public static ImmutableArray<SamplerKind> DefaultOrder { get; } =
    [
        SamplerKind.Penalties, SamplerKind.Dry, SamplerKind.TopNSigma, SamplerKind.TopK, SamplerKind.Typical,
        SamplerKind.TailFree, SamplerKind.TopP, SamplerKind.MinP, SamplerKind.Xtc, SamplerKind.Temperature,
    ];

    /// <summary>Always the most likely token.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    /// <summary>Logits are divided by it; 0 or less keeps only the best token.</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>Above 0, the temperature moves within this distance of <see cref="Temperature"/> with the entropy.</summary>
    public float DynamicTemperatureRange { get; init; }

    /// <summary>The power of the normalised entropy in the dynamic temperature.</summary>
    public float DynamicTemperatureExponent { get; init; } = 1;

    /// <summary>Keeps so many of the best; 0 or less keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the best tokens that together hold this probability; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens with at least this share of the best one's probability; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>The probability that locally typical tokens together hold; 1 keeps all (paper: Meister et al. 2022).</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>The share of the curvature that is kept; 1 keeps all (tail-free sampling).</summary>
    public float TailFreeZ { get; init; } = 1;

    /// <summary>Keeps logits within so many standard deviations of the best; 0 or less keeps all (paper: Tang et al. 2024, "Top-nσ").</summary>
    public float TopNSigma { get; init; } = -1;

    /// <summary>How often, 0 to 1, the best tokens above <see cref="XtcThreshold"/> are dropped but for the last.</summary>
    public float XtcProbability { get; init; }

    /// <summary>The probability above which XTC drops; above 0.5 it does nothing.</summary>
    public float XtcThreshold { get; init; } = 0.1f;

    /// <summary>At least so many tokens survive top-p, min-p, typical, tail-free and XTC.</summary>
    public int MinimumKept { get; init; }

    /// <summary>How many of the last tokens the penalties look at; 0 or less turns them off.</summary>
    public int PenaltyWindow { get; init; } = 64;

    /// <summary>Positive logits of tokens in the window are divided by it and others multiplied; 1 does nothing.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken off for every occurrence in the window; 0 does nothing.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Taken off once when the token is in the window; 0 does nothing.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>The strength of the DRY penalty; 0 turns it off.</summary>
    public float DryMultiplier { get; init; }

    /// <summary>The base of the DRY penalty's growth with the length of the repetition; under 1 turns it off.</summary>
    public float DryBase { get; init; } = 1.75f;

    /// <summary>The longest repetition that DRY lets pass.</summary>
    public int DryAllowedLength { get; init; } = 2;

    /// <summary>How many of the last tokens DRY looks at; 0 or less turns it off.</summary>
    public int DryWindow { get; init; } = 64;

    /// <summary>Texts over which no repetition is followed; at most 256, since each is looked for in every token of the vocabulary.</summary>
    public ImmutableArray<string> DrySequenceBreakers { get; init; } = ["\n", ":", "\"", "*"];

    /// <summary>Instead of the truncating samplers: steer towards a target surprise.</summary>
    public MirostatMode Mirostat { get; init; }

    /// <summary>The target surprise of Mirostat, in bits.</summary>
    public float MirostatTau { get; init; } = 5;

    /// <summary>The learning rate of Mirostat.</summary>
    public float MirostatEta { get; init; } = 0.1f;

    /// <summary>Adaptive-p: tokens near this probability are preferred, 0 to 1; negative turns it off.</summary>
    public float AdaptiveTarget { get; init; } = -1;

    /// <summary>How slowly adaptive-p forgets, 0 to 0.99: it remembers about 1 / (1 − decay) tokens.</summary>
    public float AdaptiveDecay { get; init; } = 0.9f;

    /// <summary>Added to the logits of single tokens before any sampler; minus infinity forbids one.</summary>
    public ImmutableDictionary<int, float> LogitBias { get; init; } = ImmutableDictionary<int, float>.Empty;

    /// <summary>The order of the samplers; one that is left out is off. Logit bias and processors come before, the choice after.</summary>
    public ImmutableArray<SamplerKind> Order { get; init; } = DefaultOrder;

    /// <summary>The caller's own processors, called before all samplers, in order.</summary>
    public ImmutableArray<ILogitProcessor> Processors { get; init; } = [];

    /// <summary>The seed; unset, every generation takes a random one and reports it. Seeds of 32 bits give llama.cpp's random numbers.</summary>
    public long? Seed { get; init; }

    /// <summary>Throws when an option is not a number or out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        if (FindProblem() is var (option, found, expected) && option.Length > 0)
        {
            throw new ArgumentException($"{option} is {found}; it must be {expected}.");
        }
    }

    /// <summary>The first option that cannot be used, what it is and what it must be; an empty name when all can.</summary>
    internal (string Option, string Found, string Expected) FindProblem()
    {
        (string Option, float Value)[] numbers =
        [
            (nameof(Temperature), Temperature), (nameof(DynamicTemperatureRange), DynamicTemperatureRange), (nameof(DynamicTemperatureExponent), DynamicTemperatureExponent),
            (nameof(TopP), TopP), (nameof(MinP), MinP), (nameof(TypicalP), TypicalP), (nameof(TailFreeZ), TailFreeZ), (nameof(TopNSigma), TopNSigma),
            (nameof(XtcProbability), XtcProbability), (nameof(XtcThreshold), XtcThreshold), (nameof(FrequencyPenalty), FrequencyPenalty), (nameof(PresencePenalty), PresencePenalty),
            (nameof(DryMultiplier), DryMultiplier), (nameof(DryBase), DryBase), (nameof(MirostatTau), MirostatTau), (nameof(MirostatEta), MirostatEta),
            (nameof(AdaptiveTarget), AdaptiveTarget), (nameof(AdaptiveDecay), AdaptiveDecay),
        ];
        foreach (var (option, value) in numbers)
        {
            if (!float.IsFinite(value))
            {
                return (option, Show(value), "a finite number");
            }
        }

        if (!(RepetitionPenalty > 0) || !float.IsFinite(1 / RepetitionPenalty) || !float.IsFinite(RepetitionPenalty))
        {
            return (nameof(RepetitionPenalty), Show(RepetitionPenalty), "finite and above 0 (1 does nothing)");
        }

        if (Order.IsDefault || Processors.IsDefault || DrySequenceBreakers.IsDefault)
        {
            return (Order.IsDefault ? nameof(Order) : Processors.IsDefault ? nameof(Processors) : nameof(DrySequenceBreakers), "not initialised", "a list, perhaps an empty one");
        }

        if (DrySequenceBreakers.Length > MostBreakers || DrySequenceBreakers.Any(static text => text is null))
        {
            return (nameof(DrySequenceBreakers), DrySequenceBreakers.Length > MostBreakers ? $"{DrySequenceBreakers.Length} texts" : "a list with null in it", $"a list of at most {MostBreakers} texts");
        }

        foreach (var (id, bias) in LogitBias)
        {
            if (float.IsNaN(bias) || float.IsPositiveInfinity(bias))
            {
                return (nameof(LogitBias), $"{Show(bias)} for token {id}", "finite or minus infinity");
            }
        }

        return ("", "", "");
    }

    private static string Show(float value) => value.ToString(CultureInfo.InvariantCulture);
}
