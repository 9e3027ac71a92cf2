namespace Abi.Llm.Sampling;

/// <summary>The samplers of one sequence, in order, with their state: it turns logits into the next token.</summary>
/// <remarks>Not thread-safe: one sequence, one chain. Sampling allocates nothing once the buffers have grown.</remarks>
public sealed partial class SamplerChain
{
    private readonly Sampler[] _samplers;
    private readonly Selector _selector;
    private readonly ILogitProcessor[] _processors;
    private Candidates? _candidates;

    private SamplerChain(Sampler[] samplers, Selector selector, ILogitProcessor[] processors, long seed)
    {
        _samplers = samplers;
        _selector = selector;
        _processors = processors;
        Seed = seed;
    }

    /// <summary>The seed in use: the one given, or the random one taken.</summary>
    public long Seed { get; private set; }

    /// <summary>The links of the chain, first to last, as short names (<c>penalties</c>, <c>top-k</c>).</summary>
    public string Description => string.Join(" → ", _samplers.Select(sampler => Name(sampler.GetType().Name, "Sampler")).Append(Name(_selector.GetType().Name, "Selector")));

    /// <summary>Builds the chain that the options ask for; links that would do nothing are left out.</summary>
    /// <param name="options">How to choose.</param>
    /// <param name="vocabularySize">The number of logits.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <remarks>Without a tokenizer, DRY knows no sequence breakers.</remarks>
    public static SamplerChain Create(SamplingOptions options, int vocabularySize) => Create(options, vocabularySize, DryBreakers.None);

    internal static SamplerChain Create(SamplingOptions options, int vocabularySize, DryBreakers breakers)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        var seed = options.Seed ?? MersenneTwister.RandomSeed();
        var links = new List<Sampler>();
        if (!options.LogitBias.IsEmpty)
        {
            links.Add(new LogitBiasSampler(options.LogitBias));
        }

        Selector selector;
        if (options.Mirostat != MirostatMode.Off)
        {
            links.Add(new TemperatureSampler(options.Temperature, 0, 1));
            selector = options.Mirostat == MirostatMode.Version1
                ? new MirostatSelector(vocabularySize, options.MirostatTau, options.MirostatEta, new MersenneTwister(seed))
                : new Mirostat2Selector(options.MirostatTau, options.MirostatEta, new MersenneTwister(seed));
        }
        else
        {
            foreach (var kind in options.Order)
            {
                if (Link(kind, options, breakers, seed) is { } link)
                {
                    links.Add(link);
                }
            }

            var isGreedy = options.Temperature <= 0 && options.DynamicTemperatureRange <= 0 && options.Order.Contains(SamplerKind.Temperature);
            if (isGreedy)
            {
                // after the last link that can change which token is best, only the best one matters
                links.RemoveRange(links.FindLastIndex(link => !link.KeepsBest) + 1, links.Count - links.FindLastIndex(link => !link.KeepsBest) - 1);
                selector = new GreedySelector();
            }
            else
            {
                selector = options.AdaptiveTarget >= 0
                    ? new AdaptivePSelector(options.AdaptiveTarget, options.AdaptiveDecay, new MersenneTwister(seed))
                    : new DistributionSelector(new MersenneTwister(seed));
            }
        }

        return new SamplerChain([.. links], selector, [.. options.Processors], seed);
    }

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">[vocabulary]; not changed.</param>
    /// <param name="history">All tokens of the sequence so far.</param>
    /// <exception cref="AbiException">No logit is a finite number.</exception>
    public unsafe int Sample(ReadOnlySpan<float> logits, ReadOnlySpan<int> history)
    {
        var candidates = _candidates ??= new Candidates();
        fixed (float* address = logits)
        {
            candidates.Lend(address, logits.Length);
            try
            {
                return Sample(candidates, history);
            }
            finally
            {
                candidates.TakeBack();
            }
        }
    }

    /// <summary>A copy that goes on from here on its own (forks).</summary>
    public SamplerChain Clone() => new([.. _samplers.Select(sampler => sampler.Clone())], _selector.Clone(), _processors, Seed);

    /// <summary>Chooses among candidates that hold the whole vocabulary.</summary>
    /// <param name="candidates">The whole vocabulary.</param>
    /// <param name="history">All tokens of the sequence so far.</param>
    /// <param name="grammar">What may follow; unset, anything.</param>
    /// <param name="tokensLeft">How many tokens may still come, the next one included.</param>
    /// <returns>The token, or -1 when the grammar says that the text ends here.</returns>
    internal int Sample(Candidates candidates, ReadOnlySpan<int> history, Grammars.GrammarState? grammar = null, int? tokensLeft = null)
    {
        foreach (var processor in _processors)
        {
            processor.Process(history, candidates.Logits);
        }

        if (grammar is not null && grammar.Mask(candidates.Logits, tokensLeft) == 0)
        {
            return -1;
        }

        Apply(candidates, history);
        var max = candidates.Max();
        if (!float.IsFinite(max))
        {
            throw max > 0 ? new AbiException("No token can be chosen: a logit is plus infinity. Either the model's weights are broken (abi info shows its tensors), or penalties, logit bias or processors are too strong.") : NothingToChoose();
        }

        return candidates.Id(_selector.Select(candidates));
    }

    /// <summary>What to throw when no logit is a finite number.</summary>
    internal static AbiException NothingToChoose() => new(
        "No token can be chosen: every logit is minus infinity or not a number. Either the model's weights are broken (abi info shows its tensors), or logit bias or processors forbid every token.");

    /// <summary>Runs the links without choosing.</summary>
    internal void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        foreach (var sampler in _samplers)
        {
            sampler.Apply(candidates, history);
        }
    }

    private static Sampler? Link(SamplerKind kind, SamplingOptions o, DryBreakers breakers, long seed) => kind switch
    {
        SamplerKind.Penalties when o.PenaltyWindow > 0 && (o.RepetitionPenalty != 1 || o.FrequencyPenalty != 0 || o.PresencePenalty != 0) =>
            new PenaltiesSampler(o.PenaltyWindow, o.RepetitionPenalty, o.FrequencyPenalty, o.PresencePenalty),
        SamplerKind.Dry when o.DryMultiplier != 0 && o.DryBase >= 1 && o.DryWindow > 0 =>
            new DrySampler(o.DryMultiplier, o.DryBase, o.DryAllowedLength, o.DryWindow, breakers),
        SamplerKind.TopNSigma when o.TopNSigma > 0 => new TopNSigmaSampler(o.TopNSigma),
        SamplerKind.TopK when o.TopK > 0 => new TopKSampler(o.TopK),
        SamplerKind.Typical when o.TypicalP < 1 => new TypicalSampler(o.TypicalP, o.MinimumKept),
        SamplerKind.TailFree when o.TailFreeZ < 1 => new TailFreeSampler(o.TailFreeZ, o.MinimumKept),
        SamplerKind.TopP when o.TopP < 1 => new TopPSampler(o.TopP, o.MinimumKept),
        SamplerKind.MinP when o.MinP > 0 => new MinPSampler(o.MinP, o.MinimumKept),
        SamplerKind.Xtc when o.XtcProbability > 0 && o.XtcThreshold <= 0.5f =>
            new XtcSampler(o.XtcProbability, o.XtcThreshold, o.MinimumKept, new MersenneTwister(seed)),
        SamplerKind.Temperature when o.Temperature != 1 || o.DynamicTemperatureRange > 0 =>
            new TemperatureSampler(o.Temperature, o.DynamicTemperatureRange, o.DynamicTemperatureExponent),
        _ => null,
    };

    private static string Name(string type, string suffix)
    {
        var name = new System.Text.StringBuilder();
        foreach (var c in type.AsSpan(0, type.Length - suffix.Length))
        {
            if (char.IsAsciiLetterUpper(c) && name.Length > 0)
            {
                name.Append('-');
            }

            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
