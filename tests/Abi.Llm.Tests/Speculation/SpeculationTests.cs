using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Llm.Speculation;
using Abi.Llm.Tests.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Speculation;

/// <summary>Guessing saves steps and changes nothing else: not a token, not a bit of a log-probability, greedy or sampled, alone or in company.</summary>
[Parallelizable]
public sealed class SpeculationTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256 };
    private static readonly SpeculationOptions Lookup = new() { ShortestMatch = 1 };

    private static GenerationOptions Tokens(int count, float temperature, SpeculationOptions? speculation = null) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, LogProbabilities = 2, Speculation = speculation,
        Sampling = new SamplingOptions { Temperature = temperature, Seed = 11, RepetitionPenalty = 1.1f, PenaltyWindow = 20 },
    };

    [TestCase("llama.gguf", 0f)]
    [TestCase("llama.gguf", 0.7f)]
    [TestCase("gemma3.gguf", 0f)]
    [TestCase("gemma3.gguf", 0.7f)]
    public async Task PromptLookupGivesTheBitsOfPlainDecoding(string file, float temperature)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        var phrase = TestModels.Ids(12, model.Engine.VocabularySize, 1);
        int[] prompt = [.. phrase, .. phrase, .. phrase, .. phrase[..5]];
        var plain = await model.CompleteAsync(prompt, Tokens(120, temperature));
        var guessed = await model.CompleteAsync(prompt, Tokens(120, temperature, Lookup));
        Same(guessed, plain);
        Assert.That(guessed.Outcome.DraftedTokens, Is.GreaterThan(0));
        Assert.That(plain.Outcome.DraftedTokens, Is.Zero);
    }

    [TestCase(0f)]
    [TestCase(0.7f)]
    public async Task ADraftModelGivesTheBitsOfPlainDecoding(float temperature)
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        await using var twin = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        await using var stranger = await TestModels.LoadAsync("models", "mistral.gguf", Exact);
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 1);
        var options = Tokens(60, temperature) with { Sampling = new SamplingOptions { Temperature = temperature, Seed = 11 } };
        var plain = await model.CompleteAsync(prompt, options);
        var withTwin = await model.CompleteAsync(prompt, options with { Speculation = new SpeculationOptions { DraftModel = twin, MaximumTokens = 5 } });
        Same(withTwin, plain);
        if (temperature == 0)
        {
            Assert.That(withTwin.Outcome.AcceptedTokens, Is.EqualTo(withTwin.Outcome.DraftedTokens), "the twin knows");
            Assert.That(withTwin.Outcome.AcceptedTokens, Is.GreaterThanOrEqualTo(49));
        }

        Same(await model.CompleteAsync(prompt, options with { Speculation = new SpeculationOptions { DraftModel = stranger } }), plain);
    }

    [Test]
    public async Task WhileTheDraftModelTakesNobodyTheTextGoesOnWithoutGuesses()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        await using var twin = await TestModels.LoadAsync("models", "llama.gguf", Exact with { MaximumSequences = 1, QueueLimit = 0 });
        var prompt = TestModels.Ids(20, model.Engine.VocabularySize, 1);
        var options = Tokens(40, 0) with { Sampling = new SamplingOptions { Temperature = 0 } };
        var plain = await model.CompleteAsync(prompt, options);
        GenerationStream? other = null;
        var wasRefused = false;
        var guessed = await model.CompleteAsync(prompt, options with
        {
            Speculation = new SpeculationOptions { DraftModel = twin, MaximumTokens = 2 },
            Sampling = options.Sampling with { Processors = [new At(prompt.Length + 10, Occupy), new At(prompt.Length + 25, Leave)] },
        });
        Same(guessed, plain);
        Assert.That(wasRefused, Is.True);
        Assert.That(guessed.Outcome.AcceptedTokens, Is.InRange(11, 20), "before and behind");

        void Occupy()
        {
            other = twin.Engine.Start([3], Tokens(200, 0) with { BufferedTokens = 1 });
            Assert.That(SpinWait.SpinUntil(() => twin.Engine.Statistics.Active == 1, TimeSpan.FromSeconds(20)), Is.True);
        }

        void Leave()
        {
            wasRefused = Assert.Throws<QueueFullException>(() => twin.Engine.Start([3])) is not null;
            other!.Dispose();
            Assert.That(SpinWait.SpinUntil(() => twin.Engine.Statistics.Active == 0, TimeSpan.FromSeconds(20)), Is.True);
        }
    }

    /// <summary>Each engine's thread waits while the other guesses for it: at once, neither could.</summary>
    [Test]
    public async Task ModelsThatGuessForOneAnotherGoOnAndGiveTheirOwnBits()
    {
        var models = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => TestModels.LoadAsync("models", "llama.gguf", Exact)));
        var prompt = TestModels.Ids(20, models[0].Engine.VocabularySize, 1);
        var plain = await models[0].CompleteAsync(prompt, Tokens(60, 0));
        var texts = models.SelectMany((model, i) => new[] { 1, 2 }.Select(step => model.CompleteAsync(prompt, Tokens(60, 0, new SpeculationOptions { DraftModel = models[(i + step) % 3], MaximumTokens = 2 }))));
        foreach (var guessed in await Task.WhenAll(texts).WaitAsync(TimeSpan.FromSeconds(60)))
        {
            Same(guessed, plain);
        }

        var after = await models[1].CompleteAsync(prompt, Tokens(60, 0, new SpeculationOptions { DraftModel = models[0], MaximumTokens = 2 })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That(after.Outcome.AcceptedTokens, Is.GreaterThan(20), "who waits for nobody is asked");
        foreach (var model in models)
        {
            await model.DisposeAsync();
        }
    }

    [Test]
    public async Task GuessesInCompanyWithLittleMemoryChangeNothing()
    {
        const int Requests = 12;
        await using var alone = await TestModels.LoadAsync("models", "gemma3.gguf", Exact);
        await using var crowd = await TestModels.LoadAsync("models", "gemma3.gguf", Exact with { CacheTokens = 400, MaximumRows = 24, MaximumSequences = 5 });
        var prompts = Enumerable.Range(0, Requests).Select(i => Repeat(TestModels.Ids(4 + i, alone.Engine.VocabularySize, i), 4)).ToArray();
        var together = Task.WhenAll(prompts.Select((prompt, i) => crowd.CompleteAsync(prompt, Tokens(70, i % 2, Lookup))));
        for (var i = 0; i < Requests; i++)
        {
            Same((await together)[i], await alone.CompleteAsync(prompts[i], Tokens(70, i % 2)));
        }

        Assert.That(crowd.Engine.Statistics.UsedPages, Is.Zero);

        static int[] Repeat(int[] ids, int times) => [.. Enumerable.Repeat(ids, times).SelectMany(part => part)];
    }

    [Test]
    public async Task StopStringsLimitsAndSessionsEndAsWithoutGuesses()
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-q8_0.gguf", Exact);
        var options = new GenerationOptions { Sampling = new SamplingOptions { Temperature = 0 }, MaximumTokens = 90, ContextFull = ContextFullPolicy.Truncate };
        const string Prompt = "Tim had a ball. Tim had a ball. Tim had a ball. Tim";
        var plain = await model.CompleteAsync(Prompt, options);
        Same(await model.CompleteAsync(Prompt, options with { Speculation = Lookup }), plain);
        var stop = plain.Text[20..24];
        var stopped = await model.CompleteAsync(Prompt, options with { StopStrings = [stop] });
        Same(await model.CompleteAsync(Prompt, options with { StopStrings = [stop], Speculation = Lookup }), stopped);

        using var session = model.CreateSession();
        await using (var stream = session.Start(Prompt, options with { MaximumTokens = 7, Speculation = Lookup }))
        {
            await foreach (var _ in stream.ReadPiecesAsync())
            {
                // to the end
            }
        }

        Assert.That(session.Count, Is.EqualTo(model.Encode(Prompt).Length + 7), "no guess is left behind");
    }

    /// <summary>What is kept of a full context is computed anew in several steps, none of which may end between guesses.</summary>
    [TestCase("llama.gguf", 5)]
    [TestCase("llama.gguf", 7)]
    [TestCase("gemma3.gguf", 6)]
    public async Task AContextThatShiftsGivesTheBitsOfPlainDecoding(string file, int rows)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 64, MaximumRows = rows });
        var phrase = TestModels.Ids(9, model.Engine.VocabularySize, 1);
        int[] prompt = [.. phrase, .. phrase, .. phrase, .. phrase, .. phrase[..4]];
        var options = Tokens(250, 0) with { ContextFull = ContextFullPolicy.Shift };
        var guessed = await model.CompleteAsync(prompt, options with { Speculation = Lookup });
        Same(guessed, await model.CompleteAsync(prompt, options));
        Assert.That(guessed.Outcome.AcceptedTokens, Is.GreaterThan(0));
    }

    [TestCase(0f)]
    [TestCase(0.8f)]
    public async Task AGrammarIsKeptAndTheTextIsTheSame(float temperature)
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-q8_0.gguf", Exact);
        var grammar = Grammar.FromJsonSchema("""{"type":"array","items":{"type":"object","properties":{"name":{"enum":["Tim","Lily"]},"has":{"const":"a big red ball"}},"required":["name","has"]},"minItems":4,"maxItems":9}""");
        var options = new GenerationOptions { Sampling = new SamplingOptions { Temperature = temperature, Seed = 3 }, Grammar = grammar, MaximumTokens = 200 };
        const string Prompt = "Tim has a big red ball. Lily has a big red ball.";
        var plain = await model.CompleteAsync(Prompt, options);
        var guessed = await model.CompleteAsync(Prompt, options with { Speculation = Lookup });
        Same(guessed, plain);
        Assert.That(guessed.Outcome.IsGrammarComplete, Is.True);
        Assert.That(guessed.Outcome.AcceptedTokens, Is.GreaterThan(10), "what repeats itself is guessed");
        Assert.That(System.Text.Json.JsonDocument.Parse(guessed.Text).RootElement.GetArrayLength(), Is.InRange(4, 9));

        // near the limit only what can still be ended in time is allowed, guessed or not
        var tight = options with { MaximumTokens = grammar.Start(model.Tokenizer).FewestTokens(int.MaxValue) + 3 };
        Same(await model.CompleteAsync(Prompt, tight with { Speculation = Lookup }), await model.CompleteAsync(Prompt, tight));
    }

    /// <summary>Pearson's test of 4,000 sampled texts of three tokens against the products of the model's own probabilities (seeds are fixed, so it passes always or never).</summary>
    [Explicit("Generates 8,000 texts: minutes on a busy machine.")]
    [TestCase(false)]
    [TestCase(true)]
    public async Task SampledTextsFollowTheModelsProbabilities(bool hasDraftModel)
    {
        const int Texts = 4000, Length = 3, Best = 3;
        await using var model = await TestModels.LoadAsync("stories-model", "stories-q8_0.gguf", Exact);
        await using var small = await TestModels.LoadAsync("stories-model", "stories-q4_0.gguf", Exact);
        var prompt = model.Encode("Tim had a big ball. Tim had a big dog. Tim had a big");
        var sampling = new SamplingOptions { TopK = Best, TopP = 1, MinP = 0, Temperature = 0.9f };
        var speculation = hasDraftModel ? new SpeculationOptions { DraftModel = small, MaximumTokens = 2 } : Lookup;
        var options = new GenerationOptions { MaximumTokens = Length, IgnoreEndOfGeneration = true, Speculation = speculation };
        var texts = await Task.WhenAll(Enumerable.Range(0, Texts).Select(seed => model.CompleteAsync(prompt, options with { Sampling = sampling with { Seed = seed } })));
        Assert.That(texts.Sum(text => text.Outcome.AcceptedTokens), Is.GreaterThan(Texts / 10), "guesses are taken");
        Assert.That(texts.Sum(text => text.Outcome.DraftedTokens - text.Outcome.AcceptedTokens), Is.GreaterThan(Texts / 10), "and refused");

        var found = texts.CountBy(text => string.Join(' ', text.Tokens.Select(token => token.Id))).ToDictionary();
        var (asTheModel, limit) = await PearsonAsync(sampling.Temperature);
        Assert.That(asTheModel, Is.LessThan(limit));
        Assert.That((await PearsonAsync(1.1f)).Statistic, Is.GreaterThan(limit), "so many texts tell a temperature of 0.9 from one of 1.1");

        async Task<(double Statistic, double Limit)> PearsonAsync(float temperature)
        {
            var (statistic, cells, rare, rareFound) = (0d, 0, 0d, Texts);
            foreach (var (text, probability) in await ProbabilitiesAsync([], 1, temperature))
            {
                if (probability * Texts < 8)
                {
                    rare += probability * Texts; // together they are one cell
                    continue;
                }

                var count = found.GetValueOrDefault(text);
                statistic += Square(count - (probability * Texts)) / (probability * Texts);
                rareFound -= count;
                cells++;
            }

            statistic += rare > 0 ? Square(rareFound - rare) / rare : 0;
            var freedom = cells - (rare > 0 ? 0 : 1);

            // the quantile of one in a million (Wilson and Hilferty 1931)
            return (statistic, freedom * Math.Pow(1 - (2d / (9 * freedom)) + (4.753 * Math.Sqrt(2d / (9 * freedom))), 3));
        }

        async Task<List<(string Text, double Probability)>> ProbabilitiesAsync(int[] ids, double probability, float temperature)
        {
            if (ids.Length == Length)
            {
                return [(string.Join(' ', ids), probability)];
            }

            var logits = await model.ComputeLogitsAsync(prompt.Concat(ids).ToArray());
            var best = Enumerable.Range(0, logits.Length).Where(id => !model.Tokenizer.IsEndOfGeneration(id)).OrderByDescending(id => logits[id]).Take(Best).ToList();
            var sum = best.Sum(id => Math.Exp((logits[id] - logits[best[0]]) / temperature));
            List<(string, double)> all = [];
            foreach (var id in best)
            {
                all.AddRange(await ProbabilitiesAsync([.. ids, id], probability * Math.Exp((logits[id] - logits[best[0]]) / temperature) / sum, temperature));
            }

            return all;
        }

        static double Square(double x) => x * x;
    }

    [Test]
    public async Task WhatCannotGuessSaysSo()
    {
        await using var mamba = await TestModels.LoadAsync("models", "mamba.gguf", Exact);
        Assert.That(() => mamba.Engine.Start([3], Tokens(3, 0, Lookup)), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("recurrent"));
        await using var llama = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        Assert.That(() => llama.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { DraftModel = llama })), Throws.ArgumentException);
        Assert.That(() => llama.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { MaximumTokens = 0 })), Throws.ArgumentException);
        Assert.That(() => llama.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { LongestMatch = int.MaxValue })), Throws.ArgumentException.With.Message.Contains("LongestMatch is 2147483647").And.Message.Contains("at most 1024"));
        await using var t5 = await TestModels.LoadAsync("models", "t5.gguf", Exact);
        Assert.That(() => t5.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { DraftModel = llama })), Throws.InstanceOf<AbiException>());
        await using var another = await TestModels.LoadAsync("models", "t5.gguf", Exact);
        Assert.That(() => t5.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { DraftModel = another })), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("has an encoder"));
    }

    [Test]
    public async Task AModelWithOtherTokensIsRefusedByName()
    {
        var folder = Directory.CreateTempSubdirectory("abi-draft-");
        try
        {
            var otherPath = WithTokens(Path.Combine(folder.FullName, "other.gguf"), static tokens => tokens[1234] = "another"u8.ToArray());
            var renamedPath = WithTokens(Path.Combine(folder.FullName, "renamed.gguf"), static tokens => tokens[2] = "<|finis|>"u8.ToArray());
            await using var model = await TestModels.LoadAsync("stories-model", "stories-q8_0.gguf", Exact);
            await using var other = await LanguageModel.LoadAsync(otherPath);
            await using var smaller = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");
            Assert.That(
                () => model.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { DraftModel = other })),
                Throws.TypeOf<AbiException>().With.Message.Contains(other.Engine.Name).And.Message.Contains(model.Engine.Name).And.Message.Contains("its token 1234 is 'another'"));
            Assert.That(() => model.Engine.Start([3], Tokens(3, 0, new SpeculationOptions { DraftModel = smaller })), Throws.TypeOf<AbiException>().With.Message.Contains("it has 512 tokens, not 4096"));

            // control tokens are no text, and may have other names
            await using var renamed = await LanguageModel.LoadAsync(renamedPath);
            var plain = await model.CompleteAsync("Tim had a", Tokens(8, 0));
            var guessed = await model.CompleteAsync("Tim had a", Tokens(8, 0, new SpeculationOptions { DraftModel = renamed }));
            Same(guessed, plain);
            Assert.That(guessed.Outcome.DraftedTokens, Is.GreaterThan(0));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>A copy of a model with other texts of tokens.</summary>
    private static string WithTokens(string path, Action<byte[][]> change)
    {
        using var file = GgufFile.Open(Fixtures.Path("stories-model", "stories-q4_0.gguf"));
        var tokens = file.Metadata.GetUtf8Array("tokenizer.ggml.tokens");
        change(tokens);
        var writer = new GgufWriter(file.Metadata.With("tokenizer.ggml.tokens", GgufValue.OfUtf8(tokens)));
        foreach (var tensor in file.Tensors)
        {
            writer.Add(tensor);
        }

        writer.Write(path);
        return path;
    }

    [Test]
    public void TheLongestEndingIsLookedForFirstAndTheLastPlaceWins()
    {
        var drafter = new PromptLookupDrafter(longest: 3, shortest: 2);
        var drafts = new int[2];
        Assert.That(drafter.Propose([1, 2, 3, 9, 9, 2, 3, 7, 8, 1, 2, 3], drafts), Is.EqualTo(2));
        Assert.That(drafts, Is.EqualTo(new[] { 9, 9 }));
        Assert.That(drafter.Propose([2, 3, 4, 2, 3, 5, 2, 3], drafts), Is.EqualTo(2));
        Assert.That(drafts, Is.EqualTo(new[] { 5, 2 }));
        Assert.That(drafter.Propose([1, 2, 3, 4], drafts), Is.Zero);
        Assert.That(drafter.Propose([1], drafts), Is.Zero);
    }

    [Test]
    public void EveryGuessIsThatOfTheLongestEndingsLastPlace()
    {
        var random = new Random(5);
        var found = 0;
        for (var round = 0; round < 4000; round++)
        {
            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(1 + (round % 4)))];
            var shortest = random.Next(1, 5);
            var longest = shortest + random.Next(8);
            var (expected, drafts) = (new int[3], new int[3]);
            var count = 0;
            for (var length = longest; length >= shortest && count == 0; length--)
            {
                for (var at = tokens.Length - 1 - length; at >= 0 && count == 0; at--)
                {
                    if (tokens.AsSpan(at, length).SequenceEqual(tokens.AsSpan(tokens.Length - length)))
                    {
                        var following = tokens.AsSpan(at + length);
                        count = Math.Min(3, following.Length);
                        following[..count].CopyTo(expected);
                    }
                }
            }

            Assert.That(new PromptLookupDrafter(longest, shortest).Propose(tokens, drafts), Is.EqualTo(count));
            Assert.That(drafts, Is.EqualTo(expected));
            found += count > 0 ? 1 : 0;
        }

        Assert.That(found, Is.InRange(1000, 3900));
    }

    [Test]
    public async Task AsManyGuessesAsAnyoneMayAskForAreAsManyAsTheContextHolds()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        int[] prompt = [.. Enumerable.Repeat(TestModels.Ids(6, model.Engine.VocabularySize, 1), 5).SelectMany(ids => ids)];
        Same(await model.CompleteAsync(prompt, Tokens(30, 0, Lookup with { MaximumTokens = int.MaxValue })), await model.CompleteAsync(prompt, Tokens(30, 0)));
    }

    /// <summary>Does something when a text has a length.</summary>
    private sealed class At(int length, Action action) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits)
        {
            if (history.Length == length)
            {
                action();
            }
        }
    }

    private static void Same(GenerationResult actual, GenerationResult expected)
    {
        Assert.That(actual.Text, Is.EqualTo(expected.Text));
        Assert.That(actual.Tokens.Select(token => (token.Id, token.LogProbability)), Is.EqualTo(expected.Tokens.Select(token => (token.Id, token.LogProbability))));
        Assert.That(actual.Tokens.SelectMany(token => token.Top), Is.EqualTo(expected.Tokens.SelectMany(token => token.Top)));
        Assert.That(actual.Outcome.FinishReason, Is.EqualTo(expected.Outcome.FinishReason));
        Assert.That(actual.Outcome.Usage.GeneratedTokens, Is.EqualTo(expected.Outcome.Usage.GeneratedTokens));
    }
}
