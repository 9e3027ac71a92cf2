using System.Collections.Immutable;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;

namespace Abi.Llm;

/// <summary>What a generation should do.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record GenerationOptions
{
    private const int MostStopStrings = 1024;
    private const int MostStopCharacters = 1 << 16;

    /// <summary>How tokens are chosen; what is not set in it, as the model's file recommends (<see cref="LanguageModel.RecommendedSampling"/>).</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>What the text must look like, whatever the sampler would choose; unset, anything. The text shows control tokens that the grammar takes.</summary>
    public Grammar? Grammar { get; init; }

    /// <summary>The most tokens to sample; unset, the model decides, up to the context.</summary>
    public int? MaximumTokens { get; init; }

    /// <summary>
    /// The most time from the request to its end, waiting included; then it ends with what there is, marked <see cref="FinishReason.TimeLimit"/>. Unset, any time. An engine's own limit holds as well.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>
    /// Who comes first: a request of a higher priority is admitted before all of lower ones that wait, and takes the place (or the memory) of one that runs when there is no other; that one is
    /// computed anew later, with the same result. Among equals, first come, first served.
    /// </summary>
    public int Priority { get; init; }

    /// <summary>Texts that end the generation. They never appear in the text, also when they come split over tokens. At most 1024, of 65536 characters together, since each is looked for behind every token.</summary>
    public ImmutableArray<string> StopStrings { get; init; } = [];

    /// <summary>Tokens that end the generation, besides the model's own.</summary>
    public ImmutableArray<int> StopTokens { get; init; } = [];

    /// <summary>Forbids the model's end-of-generation tokens, so that only the limits end the text.</summary>
    public bool IgnoreEndOfGeneration { get; init; }

    /// <summary>What happens when the context is full.</summary>
    public ContextFullPolicy ContextFull { get; init; } = ContextFullPolicy.Error;

    /// <summary>How many of the first tokens truncating and shifting keep; unset, the beginning token if there is one.</summary>
    public int? KeepFirst { get; init; }

    /// <summary>Unset: none. 0: the log-probability of each chosen token. n: also those of the n most likely.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Whether special tokens written in the prompt's text count as such. Off for text that is not yours.</summary>
    public bool ParseSpecialTokens { get; init; }

    /// <summary>Whether the tokenizer adds its beginning (and end) tokens to the prompt as the model declares.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>Whether control tokens show in the text.</summary>
    public bool ShowSpecialTokens { get; init; }

    /// <summary>Control tokens that show in the text even when others do not: those that what reads the text looks for.</summary>
    internal ImmutableArray<int> ShownTokens { get; init; } = [];

    /// <summary>How many tokens may wait for a slow reader before the sequence pauses.</summary>
    public int BufferedTokens { get; init; } = 64;

    /// <summary>
    /// In a session: whether the samplers go on where its last generation left them (random numbers, mirostat's bound), as if there had been no end; needs the same sampling
    /// options. Otherwise they start at the seed.
    /// </summary>
    public bool ResumeSampling { get; init; }

    /// <summary>Adapters that change the model for this request, in order; none when empty. Requests with and without run together.</summary>
    public ImmutableArray<AdapterUse> Adapters { get; init; } = [];

    /// <summary>Code of yours that looks at the request's hidden states and may change them; none when empty, and then at no cost.</summary>
    public ImmutableArray<IActivationHook> ActivationHooks { get; init; } = [];

    /// <summary>Directions that are added to the request's hidden states, before <see cref="ActivationHooks"/> see them; none when empty.</summary>
    public ImmutableArray<ControlVectorUse> ControlVectors { get; init; } = [];

    /// <summary>Whether and how tokens are guessed to save steps; unset, they are not. The text is the same either way.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>Is told how many tokens of the prompt are computed, after each step.</summary>
    public IProgress<PromptProgress>? PromptProgress { get; init; }

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        if (MaximumTokens is < 0)
        {
            throw new ArgumentException($"{nameof(MaximumTokens)} is {MaximumTokens}; it must be 0 or more, or unset.");
        }

        if (TimeLimit is { } limit && (limit <= TimeSpan.Zero || limit > EngineOptions.LongestTimeLimit))
        {
            throw new ArgumentException($"{nameof(TimeLimit)} is {limit}; it must be more than 0 and at most {EngineOptions.LongestTimeLimit}, or unset.");
        }

        if (LogProbabilities is < 0)
        {
            throw new ArgumentException($"{nameof(LogProbabilities)} is {LogProbabilities}; it must be 0 or more, or unset.");
        }

        if (BufferedTokens < 1)
        {
            throw new ArgumentException($"{nameof(BufferedTokens)} is {BufferedTokens}; it must be 1 or more.");
        }

        if (KeepFirst is < 0)
        {
            throw new ArgumentException($"{nameof(KeepFirst)} is {KeepFirst}; it must be 0 or more, or unset.");
        }

        if (StopStrings.IsDefault || StopTokens.IsDefault || StopStrings.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException($"{nameof(StopStrings)} and {nameof(StopTokens)} must be initialised, and no stop string may be empty.");
        }

        if (StopStrings.Length > MostStopStrings || StopStrings.Sum(static text => (long)text.Length) > MostStopCharacters)
        {
            throw new ArgumentException($"{nameof(StopStrings)} are {StopStrings.Length} texts of {StopStrings.Sum(static text => (long)text.Length)} characters; at most {MostStopStrings} of {MostStopCharacters} together are possible.");
        }

        Speculation?.Validate();
        Sampling.Validate();
    }
}
