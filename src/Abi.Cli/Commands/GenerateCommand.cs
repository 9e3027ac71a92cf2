using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm;
using Abi.Llm.Grammars;
using Abi.Llm.Models;

namespace Abi.Cli.Commands;

/// <summary>Continues a text.</summary>
internal sealed class GenerateCommand : Command
{
    private static readonly Option<string?> Prompt = Options.Text("-p --prompt", "TEXT", "the text to continue; for an encoder-decoder model, the input");
    private static readonly Option<string?> PromptFile = Options.File("-f --file", "read the prompt from a file (`-` is stdin)");
    private static readonly Option<int[]?> Ids = Options.Ids("--ids", "the prompt as token ids, taken as they are");
    private static readonly Option<int> Count = Options.Integer("-n --predict --n-predict", "the most tokens to generate; -1 leaves it to the model", -1, minimum: -2);
    private static readonly Option<bool> IgnoreEnd = Options.Switch("--ignore-eos", "never choose a token that ends the text");
    private static readonly Option<string> Stop = Options.Texts("-r --reverse-prompt --stop", "TEXT", "a text that ends the generation, and is not printed");
    private static readonly Option<string> ContextFull = Options.Choice("--context-full", "POLICY", "what happens when the context is full", "error", "error", "truncate", "shift");
    private static readonly Option<int?> Keep = Options.OptionalInteger("--keep", "the first tokens that truncating and shifting keep", "the beginning token", minimum: 0);
    private static readonly Option<bool> Escape = Options.Switch("-e --escape", "read \\n, \\t, \\\\, \\\", \\' and \\xHH in the prompt and in stop texts as the characters they stand for");
    private static readonly Option<bool> NoBegin = Options.Switch("--no-bos", "do not add the beginning and end tokens that the model asks for");
    private static readonly Option<bool> NoSpecial = Options.Switch("--no-parse-special", "treat the texts of control tokens in the prompt as plain text");
    private static readonly Option<bool> ShowSpecial = Options.Switch("-sp --special", "print the texts of control tokens");
    private static readonly Option<bool> Echo = Options.Switch("--echo", "print the prompt too");
    private static readonly Option<int> TopLogprobs = Options.Integer("--top-logprobs", "in JSON, also the so many most likely tokens of every step", 0, minimum: 0);
    private static readonly Option<string?> GrammarText = Options.Text("--grammar", "GBNF", "only texts of this grammar");
    private static readonly Option<string?> GrammarFile = Options.File("--grammar-file", "only texts of the grammar in this file (GBNF)");
    private static readonly Option<string?> JsonSchema = Options.Text("-j --json-schema", "SCHEMA", "only JSON of this schema: a file, or the schema itself (`{}` is any JSON)");
    private static readonly Option<string?> JsonSchemaFile = Options.File("-jf --json-schema-file", "only JSON of the schema in this file");
    private static readonly Option<string?> Pattern = Options.Text("--regex", "PATTERN", "only texts that this regular expression matches as a whole");
    private static readonly Option<string?> PromptCache = Options.File("--prompt-cache", "keep what was computed of the text in a file, and take it up where the next prompt begins alike");
    private static readonly Option<bool> PromptCacheReadOnly = Options.Switch("--prompt-cache-ro", "take the prompt cache up, but do not write it");
    private static readonly Option<string?> DraftModel = Options.File("-md --draft-model --model-draft", "a small model of the same vocabulary that guesses tokens, so that several are checked in one step; the text stays the same", "MODEL");
    private static readonly Option<bool> Lookup = Options.Switch("--lookup", "guess tokens from what followed the same words before in the text; the text stays the same");
    private static readonly Option<int> DraftMaximum = Options.Integer("--draft --draft-max", "the most tokens guessed for one step", 8, minimum: 1);
    private static readonly Option<bool> Verbose = Options.Switch("-v --verbose", "print times to stderr, also when it is no terminal");

    /// <inheritdoc/>
    public override string Name => "generate";

    /// <inheritdoc/>
    public override string Summary => "Continue a text.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("generation", [Prompt, PromptFile, Ids, Count, IgnoreEnd, Stop, ContextFull, Keep, Escape, NoBegin, NoSpecial, ShowSpecial, Echo, PromptCache, PromptCacheReadOnly, TopLogprobs, Verbose, ModelOptions.Json]),
        SamplingArguments.Group,
        new("form", [GrammarText, GrammarFile, JsonSchema, JsonSchemaFile, Pattern]),
        new("speculation", [DraftModel, Lookup, DraftMaximum]),
        new("model", [ModelOptions.Model, ModelOptions.Context, ModelOptions.Threads, ModelOptions.Activations, ModelOptions.CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch, ModelOptions.Lora, ModelOptions.ControlVector]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        The text is printed as it comes. The prompt is tokenized as llama.cpp's tools do it: with the beginning token that the model asks for, and control tokens recognised by their texts.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (new Option[] { Prompt, PromptFile, Ids }.Count(arguments.Has) != 1)
        {
            throw new UsageException("Give the prompt by one of --prompt, --file and --ids.");
        }

        var prompt = arguments.Get(Prompt) ?? (arguments.Get(PromptFile) is { } file ? InputFile.ReadText(file, console) : null);
        if (prompt is not null && arguments.Get(Escape))
        {
            prompt = Escapes.Read(prompt);
        }

        // read before the model is loaded: what is wrong with the options is told at once
        var grammar = ReadGrammar(arguments, console);
        SamplingArguments.Read(arguments, int.MaxValue);
        if (arguments.Get(PromptCache) is { } cache && !arguments.Get(PromptCacheReadOnly))
        {
            OutputFile.RequireWritable(cache);
        }

        var loaded = await LoadedModel.OpenAsync(arguments, console, engine => engine with { MaximumSequences = 1 }, cancellationToken: cancellationToken).ConfigureAwait(false);
        await using var _ = loaded.ConfigureAwait(false);
        var draft = arguments.Get(DraftModel) is { } path ? await loaded.OpenDraftAsync(path, console, cancellationToken).ConfigureAwait(false) : null;
        var model = loaded.Model;
        var options = Read(arguments, model) with
        {
            Grammar = grammar,
            Adapters = await loaded.OpenAdaptersAsync(arguments, cancellationToken).ConfigureAwait(false),
            ControlVectors = LoadedModel.ReadControlVectors(arguments),
            Speculation = draft is not null || arguments.Get(Lookup) ? new SpeculationOptions { DraftModel = draft, MaximumTokens = arguments.Get(DraftMaximum) } : null,
        };
        var ids = arguments.Get(Ids) ?? model.Encode(prompt!, options);
        loaded.CheckIds(ids, Ids.Name);
        loaded.CheckIds([.. options.Sampling.LogitBias.Keys], "--logit-bias");
        if (ids.Length == 0 && model.Tokenizer.BeginId is null)
        {
            throw new UsageException("The prompt has no tokens, and this model has no beginning token to start from.");
        }

        var (result, error) = await RunAsync(loaded, ids, prompt, options, arguments, console, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json) && (error is null or OperationCanceledException))
        {
            CliJson.WriteLine(console, result, CliJson.Results.GenerateResult);
        }
        else if (!arguments.Get(ModelOptions.Json))
        {
            console.Out.WriteLine();
            console.Out.Flush();
        }

        if (error is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
        }

        if (console.ShowsProgress || arguments.Get(Verbose))
        {
            var times = result.Timings;
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"load {times.LoadMs:F0} ms; prompt {times.PromptN} tokens, {times.PromptMs:F0} ms, {times.PromptPerSecond:F1} t/s; generated {times.PredictedN} tokens, {times.PredictedMs:F0} ms, {times.PredictedPerSecond:F1} t/s; {result.FinishReason}, seed {result.Seed}"));
        }

        return ExitCode.Success;
    }

    private static async Task<(GenerateResult Result, Exception? Error)> RunAsync(
        LoadedModel loaded, int[] ids, string? prompt, GenerationOptions options, ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var streams = !arguments.Get(ModelOptions.Json);
        if (streams && arguments.Get(Echo))
        {
            console.Out.Write(prompt ?? loaded.Model.Tokenizer.Decode(ids, removeSpecial: true));
            console.Out.Flush();
        }

        var text = new StringBuilder();
        List<GeneratedToken> tokens = [];
        Exception? error = null;
        using var session = await OpenSessionAsync(loaded.Model, arguments, cancellationToken).ConfigureAwait(false);
        var shared = session is null ? 0 : Shared(session, ids);
        var stream = session is null ? loaded.Model.Engine.Start(ids, options, cancellationToken) : session.Start(ids.AsSpan(shared), options, cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
                {
                    tokens.AddRange(piece.Tokens);
                    if (!streams)
                    {
                        text.Append(piece.Text);
                    }
                    else if (piece.Text.Length > 0)
                    {
                        console.Out.Write(piece.Text);
                        console.Out.Flush();
                    }
                }
            }
            catch (Exception e) when (e is OperationCanceledException or AbiException)
            {
                error = e;
            }
        }

        if (session is not null && error is null && !arguments.Get(PromptCacheReadOnly))
        {
            await session.SaveAsync(arguments.Get(PromptCache)!, cancellationToken).ConfigureAwait(false);
        }

        return (Result(stream, text.ToString(), tokens, ids, loaded, arguments.Get(TopLogprobs)), error);
    }

    /// <summary>The session of the prompt cache: taken up from the file, or new; null without a cache.</summary>
    private static async Task<InferenceSession?> OpenSessionAsync(LanguageModel model, ParsedArguments arguments, CancellationToken cancellationToken)
    {
        if (arguments.Get(PromptCache) is not { } path)
        {
            return null;
        }

        if (model.Definition.Kind == ModelKind.EncoderDecoder)
        {
            throw new UsageException("'--prompt-cache' is for models that continue a text; this one has an encoder.");
        }

        return File.Exists(path) ? await model.RestoreSessionAsync(path, cancellationToken).ConfigureAwait(false) : model.CreateSession();
    }

    /// <summary>Cuts a session back to what it has in common with a prompt, but for the prompt's last token, whose logits are needed.</summary>
    private static int Shared(InferenceSession session, int[] ids)
    {
        var common = Math.Min(ids.AsSpan().CommonPrefixLength(session.GetIds()), Math.Max(ids.Length - 1, 0));
        session.Rewind(common);
        return common;
    }

    private static GenerateResult Result(GenerationStream stream, string text, List<GeneratedToken> tokens, int[] ids, LoadedModel loaded, int top)
    {
        var outcome = stream.Outcome;
        var times = outcome?.Timings ?? new GenerationTimings(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, 0, 0);
        return new GenerateResult
        {
            Text = text,
            Ids = [.. tokens.Select(token => token.Id)],
            Logprobs = [.. tokens.Select(token => token.LogProbability)],
            TopLogprobs = top == 0 ? null : [.. tokens.Select(token => token.Top.Select(score => new TokenScore(score.Id, score.LogProbability)).ToImmutableArray())],
            PromptIds = ids,
            FinishReason = outcome?.FinishReason switch
            {
                FinishReason.StopToken => "stop_token",
                FinishReason.StopString => "stop_string",
                FinishReason.Length => "length",
                FinishReason.ContextFull => "context_full",
                FinishReason.TimeLimit => "time_limit",
                FinishReason.Failed => "failed",
                _ => "cancelled",
            },
            StopTokenId = outcome?.StopTokenId,
            StopString = outcome?.StopString,
            Seed = stream.Seed,
            Timings = new GenerateTimings
            {
                LoadMs = loaded.LoadTime.TotalMilliseconds,
                PromptN = times.PromptTokensComputed,
                PromptMs = times.Prompt.TotalMilliseconds,
                PromptPerSecond = times.PromptTokensPerSecond,
                PredictedN = times.TokensGenerated,
                PredictedMs = times.Generation.TotalMilliseconds,
                PredictedPerSecond = times.GeneratedTokensPerSecond,
                DraftN = outcome is { DraftedTokens: > 0 } ? outcome.DraftedTokens : null,
                DraftNAccepted = outcome is { DraftedTokens: > 0 } ? outcome.AcceptedTokens : null,
            },
        };
    }

    private static Grammar? ReadGrammar(ParsedArguments arguments, CliConsole console)
    {
        if (new Option[] { GrammarText, GrammarFile, JsonSchema, JsonSchemaFile, Pattern }.Count(arguments.Has) > 1)
        {
            throw new UsageException("Give the form of the text by one of --grammar, --grammar-file, --json-schema, --json-schema-file and --regex.");
        }

        // A file, or as with llama.cpp the schema itself, which begins with a brace or is true or false.
        static bool IsSchema(string text) => text.AsSpan().TrimStart() is ['{', ..] or "true" or "false";
        return arguments.Get(GrammarText) is { } text ? Grammar.FromGbnf(text)
            : arguments.Get(GrammarFile) is { } file ? Grammar.FromGbnf(InputFile.ReadText(file, console))
            : arguments.Get(JsonSchema) is { } schema ? Grammar.FromJsonSchema(IsSchema(schema) ? schema : InputFile.ReadText(schema, console))
            : arguments.Get(JsonSchemaFile) is { } schemaFile ? Grammar.FromJsonSchema(InputFile.ReadText(schemaFile, console))
            : arguments.Get(Pattern) is { } pattern ? Grammar.FromRegex(pattern)
            : null;
    }

    private static GenerationOptions Read(ParsedArguments arguments, LanguageModel model)
    {
        var stops = arguments.GetAll(Stop);
        var options = new GenerationOptions
        {
            Sampling = SamplingArguments.Read(arguments, model.ContextLength),
            MaximumTokens = arguments.Get(Count) is var count and >= 0 ? count : null,
            StopStrings = [.. arguments.Get(Escape) ? stops.Select(Escapes.Read) : stops],
            IgnoreEndOfGeneration = arguments.Get(IgnoreEnd),
            ContextFull = arguments.Get(ContextFull) switch { "truncate" => ContextFullPolicy.Truncate, "shift" => ContextFullPolicy.Shift, _ => ContextFullPolicy.Error },
            KeepFirst = arguments.Get(Keep),
            LogProbabilities = arguments.Get(ModelOptions.Json) ? arguments.Get(TopLogprobs) : null,
            ParseSpecialTokens = !arguments.Get(NoSpecial),
            AddSpecialTokens = !arguments.Get(NoBegin),
            ShowSpecialTokens = arguments.Get(ShowSpecial),
        };
        try
        {
            options.Validate();
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message, e);
        }

        return options;
    }
}
