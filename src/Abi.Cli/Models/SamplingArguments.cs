using System.Collections.Immutable;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Llm.Sampling;

namespace Abi.Cli.Models;

/// <summary>The options of sampling, with the names of llama.cpp.</summary>
internal static class SamplingArguments
{
    private static readonly SamplingOptions Defaults = new();

    private static readonly Option<string?> Samplers = Options.Text(
        "--samplers", "NAMES", "the samplers in order, separated by `;`; one that is left out is off", string.Join(';', SamplingOptions.DefaultOrder.Select(SamplerNames.Of)));

    private static readonly Option<string?> Sequence = Options.Text("--sampler-seq --sampling-seq", "LETTERS", "the same as letters: e penalties, d dry, s top_n_sigma, k top_k, y typ_p, z tfs, p top_p, m min_p, x xtc, t temperature");
    private static readonly Option<long?> Seed = new(["-s", "--seed"], "N", "the seed; -1 takes a random one", null, text => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) is var seed and >= 0 ? seed : null) { DefaultText = "-1" };
    private static readonly Option<float> Temperature = Options.Number("--temp --temperature", "divides the logits; 0 always takes the best token", Defaults.Temperature);
    private static readonly Option<int> TopK = Options.Integer("--top-k", "keeps so many of the best tokens; 0 keeps all", Defaults.TopK);
    private static readonly Option<float> TopP = Options.Number("--top-p", "keeps the best tokens that together hold this probability; 1 keeps all", Defaults.TopP);
    private static readonly Option<float> MinP = Options.Number("--min-p", "keeps tokens with this share of the best one's probability; 0 keeps all", Defaults.MinP);
    private static readonly Option<float> TopNSigma = Options.Number("--top-nsigma --top-n-sigma", "keeps logits within so many standard deviations of the best; -1 keeps all", Defaults.TopNSigma);
    private static readonly Option<float> Typical = Options.Number("--typical --typical-p", "locally typical sampling: the probability kept; 1 keeps all", Defaults.TypicalP);
    private static readonly Option<float> TailFree = Options.Number("--tfs", "tail-free sampling: the share of the curvature kept; 1 keeps all", Defaults.TailFreeZ);
    private static readonly Option<float> XtcProbability = Options.Number("--xtc-probability", "how often XTC drops the best tokens; 0 is never", Defaults.XtcProbability);
    private static readonly Option<float> XtcThreshold = Options.Number("--xtc-threshold", "the probability above which XTC drops; above 0.5 it does nothing", Defaults.XtcThreshold);
    private static readonly Option<int> MinimumKept = Options.Integer("--min-keep", "the least tokens that the truncating samplers leave", Defaults.MinimumKept, minimum: 0);
    private static readonly Option<int> RepeatLastN = Options.Integer("--repeat-last-n", "how many of the last tokens the penalties look at; 0 is none, -1 the whole context", Defaults.PenaltyWindow, minimum: -1);
    private static readonly Option<float> RepeatPenalty = Options.Number("--repeat-penalty", "divides the logits of tokens seen; 1 does nothing", Defaults.RepetitionPenalty);
    private static readonly Option<float> PresencePenalty = Options.Number("--presence-penalty", "taken off the logits of tokens seen, once", Defaults.PresencePenalty);
    private static readonly Option<float> FrequencyPenalty = Options.Number("--frequency-penalty", "taken off the logits of tokens seen, for every time", Defaults.FrequencyPenalty);
    private static readonly Option<float> DryMultiplier = Options.Number("--dry-multiplier", "the strength of the DRY penalty on repetitions; 0 turns it off", Defaults.DryMultiplier);
    private static readonly Option<float> DryBase = Options.Number("--dry-base", "how fast DRY grows with the length of the repetition", Defaults.DryBase);
    private static readonly Option<int> DryAllowedLength = Options.Integer("--dry-allowed-length", "the longest repetition that DRY lets pass", Defaults.DryAllowedLength, minimum: 0);
    private static readonly Option<int> DryLastN = Options.Integer("--dry-penalty-last-n", "how many of the last tokens DRY looks at; 0 is none, -1 the whole context", -1, minimum: -1);
    private static readonly Option<string> DryBreakers = Options.Texts("--dry-sequence-breaker", "TEXT", "a text over which DRY follows no repetition, instead of the default ones; `none` for none", "\\n : \" *");
    private static readonly Option<float> DynamicRange = Options.Number("--dynatemp-range", "how far the temperature moves with the entropy; 0 keeps it fixed", Defaults.DynamicTemperatureRange);
    private static readonly Option<float> DynamicExponent = Options.Number("--dynatemp-exp", "the power of the entropy in the dynamic temperature", Defaults.DynamicTemperatureExponent);
    private static readonly Option<string> Mirostat = Options.Choice("--mirostat", "VERSION", "steer towards a target surprise instead of truncating", "0", "0", "1", "2");
    private static readonly Option<float> MirostatRate = Options.Number("--mirostat-lr", "the learning rate of Mirostat (eta)", Defaults.MirostatEta);
    private static readonly Option<float> MirostatTarget = Options.Number("--mirostat-ent", "the target surprise of Mirostat (tau)", Defaults.MirostatTau);
    private static readonly Option<float> AdaptiveTarget = Options.Number("--adaptive-target", "adaptive-p: prefer tokens near this probability; negative turns it off", Defaults.AdaptiveTarget);
    private static readonly Option<float> AdaptiveDecay = Options.Number("--adaptive-decay", "adaptive-p: how slowly it forgets, 0 to 0.99", Defaults.AdaptiveDecay);

    private static readonly Option<KeyValuePair<int, float>> LogitBias = new(["-l", "--logit-bias"], "ID±BIAS", "added to the logit of a token (15043+1, 15043-1.5, 15043-inf)", default, ReadBias) { IsRepeatable = true };

    /// <summary>The rows of the table.</summary>
    public static OptionGroup Group { get; } = new(
        "sampling (what a model's file recommends comes before these defaults)",
        [
            Samplers, Sequence, Seed, Temperature, TopK, TopP, MinP, TopNSigma, Typical, TailFree, XtcProbability, XtcThreshold, MinimumKept,
            RepeatLastN, RepeatPenalty, PresencePenalty, FrequencyPenalty, DryMultiplier, DryBase, DryAllowedLength, DryLastN, DryBreakers,
            DynamicRange, DynamicExponent, Mirostat, MirostatRate, MirostatTarget, AdaptiveTarget, AdaptiveDecay, LogitBias,
        ]);

    /// <summary>What the arguments ask for.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="contextLength">What -1 stands for in windows of tokens.</param>
    /// <exception cref="UsageException">A value is out of its range.</exception>
    public static SamplingOptions Read(ParsedArguments arguments, int contextLength)
    {
        var sampling = Defaults with
        {
            Seed = arguments.Get(Seed),
            TopNSigma = arguments.Get(TopNSigma),
            TypicalP = arguments.Get(Typical),
            TailFreeZ = arguments.Get(TailFree),
            MinimumKept = arguments.Get(MinimumKept),
            PresencePenalty = arguments.Get(PresencePenalty),
            FrequencyPenalty = arguments.Get(FrequencyPenalty),
            DryMultiplier = arguments.Get(DryMultiplier),
            DryBase = arguments.Get(DryBase),
            DryAllowedLength = arguments.Get(DryAllowedLength),
            DryWindow = arguments.Get(DryLastN) is var dry and >= 0 ? dry : contextLength,
            DrySequenceBreakers = arguments.Has(DryBreakers) ? [.. arguments.GetAll(DryBreakers).Where(text => text is not ("none" or ""))] : Defaults.DrySequenceBreakers,
            DynamicTemperatureRange = arguments.Get(DynamicRange),
            DynamicTemperatureExponent = arguments.Get(DynamicExponent),
            AdaptiveTarget = arguments.Get(AdaptiveTarget),
            AdaptiveDecay = arguments.Get(AdaptiveDecay),
            LogitBias = ImmutableDictionary<int, float>.Empty.SetItems(arguments.GetAll(LogitBias)),
        };

        // What a model's file may recommend is set only where it is given.
        Given(Temperature, value => sampling with { Temperature = value });
        Given(TopK, value => sampling with { TopK = value });
        Given(TopP, value => sampling with { TopP = value });
        Given(MinP, value => sampling with { MinP = value });
        Given(XtcProbability, value => sampling with { XtcProbability = value });
        Given(XtcThreshold, value => sampling with { XtcThreshold = value });
        Given(RepeatLastN, value => sampling with { PenaltyWindow = value >= 0 ? value : contextLength });
        Given(RepeatPenalty, value => sampling with { RepetitionPenalty = value });
        Given(Mirostat, value => sampling with { Mirostat = (MirostatMode)int.Parse(value, CultureInfo.InvariantCulture) });
        Given(MirostatRate, value => sampling with { MirostatEta = value });
        Given(MirostatTarget, value => sampling with { MirostatTau = value });
        if (arguments.Has(Samplers) && arguments.Has(Sequence))
        {
            throw new UsageException("'--samplers' and '--sampler-seq' both set the order; give one.");
        }

        if (arguments.Get(Samplers) is { } names)
        {
            sampling = sampling with { Order = Order(names.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), SamplerNames.Find) };
        }
        else if (arguments.Get(Sequence) is { } letters)
        {
            sampling = sampling with { Order = Order(letters.Select(letter => letter.ToString()), FindLetter) };
        }

        try
        {
            sampling.Validate();
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message, e);
        }

        return sampling;

        void Given<T>(Option<T> option, Func<T, SamplingOptions> set) => sampling = arguments.Has(option) ? set(arguments.Get(option)) : sampling;
    }

    /// <summary>The chain's links in the order of the names. Adaptive-p is the choice behind the chain, not a link, so naming it changes nothing.</summary>
    private static ImmutableArray<SamplerKind> Order(IEnumerable<string> names, Func<string, SamplerKind?> find) =>
        [.. names.Where(name => name is not ("adaptive_p" or "adaptive-p" or "a")).Select(name => find(name)
            ?? throw new UsageException($"'{name}' is not a sampler. There are: {string.Join(", ", SamplingOptions.DefaultOrder.Select(SamplerNames.Of))}."))];

    private static SamplerKind? FindLetter(string letter) => letter switch
    {
        "e" => SamplerKind.Penalties,
        "d" => SamplerKind.Dry,
        "s" => SamplerKind.TopNSigma,
        "k" => SamplerKind.TopK,
        "y" => SamplerKind.Typical,
        "z" or "f" => SamplerKind.TailFree,
        "p" => SamplerKind.TopP,
        "m" => SamplerKind.MinP,
        "x" => SamplerKind.Xtc,
        "t" => SamplerKind.Temperature,
        _ => null,
    };

    private static KeyValuePair<int, float> ReadBias(string text)
    {
        var at = text.AsSpan().IndexOfAny('+', '-');
        if (at <= 0)
        {
            throw new FormatException();
        }

        var id = int.Parse(text.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture);
        if (text.AsSpan(at).Equals("-inf", StringComparison.OrdinalIgnoreCase))
        {
            return KeyValuePair.Create(id, float.NegativeInfinity);
        }

        var bias = Options.ReadNumber(text[(at + 1)..]);
        return KeyValuePair.Create(id, text[at] == '-' ? -bias : bias);
    }
}
