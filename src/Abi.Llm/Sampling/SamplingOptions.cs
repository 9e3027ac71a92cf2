using System.Collections.Immutable;
using System.Globalization;

namespace Abi.Llm.Sampling;

/// <summary>How the next token is chosen. The defaults are llama.cpp's; a <see cref="Temperature"/> of 0 is greedy.</summary>
/// <remarks>
/// Immutable and thread-safe, as far as the processors given are. A model's file may recommend what a generation samples with (<see cref="LanguageModel.RecommendedSampling"/>); that counts
/// for what is not set here.
/// </remarks>
public sealed record SamplingOptions
{
    private const int MostBreakers = 256;

    // What a model's file may recommend; null where nothing is set.
    private readonly float? _temperature;
    private readonly int? _topK;
    private readonly float? _topP;
    private readonly float? _minP;
    private readonly float? _xtcProbability;
    private readonly float? _xtcThreshold;
    private readonly int? _penaltyWindow;
    private readonly float? _repetitionPenalty;
    private readonly MirostatMode? _mirostat;
    private readonly float? _mirostatTau;
    private readonly float? _mirostatEta;
    private readonly ImmutableArray<SamplerKind>? _order;

    /// <summary>llama.cpp's order, with tail-free after typical, where it used to be.</summary>
    public static ImmutableArray<SamplerKind> DefaultOrder { get; } =
    [
        SamplerKind.Penalties, SamplerKind.Dry, SamplerKind.TopNSigma, SamplerKind.TopK, SamplerKind.Typical,
        SamplerKind.TailFree, SamplerKind.TopP, SamplerKind.MinP, SamplerKind.Xtc, SamplerKind.Temperature,
    ];

    /// <summary>Always the most likely token, whatever a model's file recommends, but for tokens that it suppresses.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0, RepetitionPenalty = 1, XtcProbability = 0, Mirostat = default, Order = DefaultOrder };

    /// <summary>Logits are divided by it; 0 or less keeps only the best token.</summary>
    public float Temperature { get => _temperature ?? 0.8f; init => _temperature = value; }

    /// <summary>Above 0, the temperature moves within this distance of <see cref="Temperature"/> with the entropy.</summary>
    public float DynamicTemperatureRange { get; init; }

    /// <summary>The power of the normalised entropy in the dynamic temperature.</summary>
    public float DynamicTemperatureExponent { get; init; } = 1;

    /// <summary>Keeps so many of the best; 0 or less keeps all.</summary>
    public int TopK { get => _topK ?? 40; init => _topK = value; }

    /// <summary>Keeps the best tokens that together hold this probability; 1 keeps all.</summary>
    public float TopP { get => _topP ?? 0.95f; init => _topP = value; }

    /// <summary>Keeps tokens with at least this share of the best one's probability; 0 keeps all.</summary>
    public float MinP { get => _minP ?? 0.05f; init => _minP = value; }

    /// <summary>The probability that locally typical tokens together hold; 1 keeps all (paper: Meister et al. 2022).</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>The share of the curvature that is kept; 1 keeps all (tail-free sampling).</summary>
    public float TailFreeZ { get; init; } = 1;

    /// <summary>Keeps logits within so many standard deviations of the best; 0 or less keeps all (paper: Tang et al. 2024, "Top-nσ").</summary>
    public float TopNSigma { get; init; } = -1;

    /// <summary>How often, 0 to 1, the best tokens above <see cref="XtcThreshold"/> are dropped but for the last.</summary>
    public float XtcProbability { get => _xtcProbability.GetValueOrDefault(); init => _xtcProbability = value; }

    /// <summary>The probability above which XTC drops; above 0.5 it does nothing.</summary>
    public float XtcThreshold { get => _xtcThreshold ?? 0.1f; init => _xtcThreshold = value; }

    /// <summary>At least so many tokens survive top-p, min-p, typical, tail-free and XTC.</summary>
    public int MinimumKept { get; init; }

    /// <summary>How many of the last tokens the penalties look at; 0 or less turns them off.</summary>
    public int PenaltyWindow { get => _penaltyWindow ?? 64; init => _penaltyWindow = value; }

    /// <summary>Positive logits of tokens in the window are divided by it and others multiplied; 1 does nothing.</summary>
    public float RepetitionPenalty { get => _repetitionPenalty ?? 1; init => _repetitionPenalty = value; }

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
    public MirostatMode Mirostat { get => _mirostat.GetValueOrDefault(); init => _mirostat = value; }

    /// <summary>The target surprise of Mirostat, in bits.</summary>
    public float MirostatTau { get => _mirostatTau ?? 5; init => _mirostatTau = value; }

    /// <summary>The learning rate of Mirostat.</summary>
    public float MirostatEta { get => _mirostatEta ?? 0.1f; init => _mirostatEta = value; }

    /// <summary>Adaptive-p: tokens near this probability are preferred, 0 to 1; negative turns it off.</summary>
    public float AdaptiveTarget { get; init; } = -1;

    /// <summary>How slowly adaptive-p forgets, 0 to 0.99: it remembers about 1 / (1 − decay) tokens.</summary>
    public float AdaptiveDecay { get; init; } = 0.9f;

    /// <summary>Added to the logits of single tokens before any sampler; minus infinity forbids one.</summary>
    public ImmutableDictionary<int, float> LogitBias { get; init; } = ImmutableDictionary<int, float>.Empty;

    /// <summary>The order of the samplers; one that is left out is off. Logit bias and processors come before, the choice after.</summary>
    public ImmutableArray<SamplerKind> Order { get => _order ?? DefaultOrder; init => _order = value; }

    /// <summary>The caller's own processors, called before all samplers, in order.</summary>
    public ImmutableArray<ILogitProcessor> Processors { get; init; } = [];

    /// <summary>The seed; unset, every generation takes a random one and reports it. Seeds of 32 bits give llama.cpp's random numbers.</summary>
    public long? Seed { get; init; }

    /// <summary>These options, with what others say where nothing is set.</summary>
    internal SamplingOptions Over(SamplingOptions recommended) => this with
    {
        Temperature = _temperature ?? recommended.Temperature,
        TopK = _topK ?? recommended.TopK,
        TopP = _topP ?? recommended.TopP,
        MinP = _minP ?? recommended.MinP,
        XtcProbability = _xtcProbability ?? recommended.XtcProbability,
        XtcThreshold = _xtcThreshold ?? recommended.XtcThreshold,
        PenaltyWindow = _penaltyWindow ?? recommended.PenaltyWindow,
        RepetitionPenalty = _repetitionPenalty ?? recommended.RepetitionPenalty,
        Mirostat = _mirostat ?? recommended.Mirostat,
        MirostatTau = _mirostatTau ?? recommended.MirostatTau,
        MirostatEta = _mirostatEta ?? recommended.MirostatEta,
        Order = _order ?? recommended.Order,
        LogitBias = recommended.LogitBias.IsEmpty ? LogitBias : recommended.LogitBias.SetItems(LogitBias),
    };

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
