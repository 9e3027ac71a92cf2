using System.Text.Json;
using System.Text.RegularExpressions;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Beams are those of a plain search over whole evaluations; wide ones find what trying every text finds.</summary>
public sealed class BeamSearchTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256, ReusePrefixes = false };

    [TestCase("llama.gguf", 3, 0d, null)]
    [TestCase("llama.gguf", 5, 1d, null)]
    [TestCase("mamba.gguf", 3, 0.7, null)]
    [TestCase("llama.gguf", 1, 1d, "[a-f]{3,5}")]
    [TestCase("llama.gguf", 4, 1d, "([a-h]|[0-9]{2})+")]
    [TestCase("mamba.gguf", 3, 0.5, "[a-d]{1,3}( [a-d]{1,3})*")]
    public async Task BeamsAreThoseOfAPlainSearch(string file, int width, double penalty, string? pattern)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        await CompareAsync(model, TestModels.Ids(12, model.Engine.VocabularySize, 2), new BeamSearchOptions { Width = width, MaximumTokens = 6, LengthPenalty = penalty, Grammar = pattern is null ? null : Grammar.FromRegex(pattern) });
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AdaptersChangeASearchAsTheyChangeEveryRequest(bool isConstrained)
    {
        await using var model = await LanguageModel.LoadAsync(Fixtures.Path("stories-model", "stories-f16.gguf"), new ModelLoadOptions { Engine = Exact });
        var adapter = await model.LoadAdapterAsync(Fixtures.Path("stories-model", "lora", "stories-lora.gguf"));
        var prompt = model.Tokenizer.Encode("Once upon a time there was", addSpecial: true, parseSpecial: false);
        var options = new BeamSearchOptions { Width = 3, MaximumTokens = 5, Grammar = isConstrained ? Grammar.FromRegex("[ a-m]*\\.") : null, Adapters = [new AdapterUse(adapter, 0.9f)] };
        var expected = await CompareAsync(model, prompt, options);
        var plain = await model.BeamSearchAsync(prompt, options with { Adapters = [] });
        Assert.That(Texts(plain), Is.Not.EqualTo(expected), "the adapter tells");

        var search = model.BeamSearchAsync(prompt, options);
        adapter.Dispose();
        Assert.That(Texts(await search), Is.EqualTo(expected), "what has begun goes on");
        Assert.That(() => model.BeamSearchAsync(prompt, options), Throws.TypeOf<ObjectDisposedException>());
    }

    [TestCase(3, 0d)]
    [TestCase(3, 1d)]
    [TestCase(2, 1d)]
    public async Task AWideSearchUnderAGrammarFindsTheBestOfAllItsTexts(int maximum, double penalty)
    {
        // texts of one to three letters a and b in at most so many tokens, whatever the tokens: shorter ones may end or go on, those of three can only end
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        var prompt = TestModels.Ids(9, model.Engine.VocabularySize, 5);
        var pieces = Enumerable.Range(0, model.Engine.VocabularySize)
            .Where(id => !model.Tokenizer.IsEndOfGeneration(id)).Select(id => (Id: id, Text: System.Text.Encoding.Latin1.GetString(model.Tokenizer.TokenBytes(id, special: true))))
            .Where(piece => piece.Text.Length is > 0 and <= 3 && piece.Text.All(letter => letter is 'a' or 'b')).ToList();
        Assert.That(pieces, Has.Count.GreaterThan(3), "the vocabulary has bytes and letters");
        var all = new List<(int[] Ids, double Score)>();
        await TryAllAsync([], string.Empty, 0);
        Assert.That(all, Has.Count.GreaterThan(15));
        all = [.. all.OrderByDescending(text => text.Score)];

        var grammar = Grammar.FromGbnf("root ::= [ab] [ab]? [ab]?");
        var found = await model.BeamSearchAsync(prompt, new BeamSearchOptions { Width = all.Count, MaximumTokens = maximum, LengthPenalty = penalty, Grammar = grammar });
        Assert.That(Texts(found), Is.EqualTo(all.Select(text => string.Join(' ', text.Ids))), "all of them, best first");
        Assert.That(found.Select(text => text.Outcome.IsGrammarComplete), Is.All.True);
        foreach (var text in found)
        {
            var isWhole = text.Text.TrimStart().Length == 3 || text.Outcome.StopTokenId is not null;
            Assert.That(text.Outcome.FinishReason, Is.EqualTo(isWhole ? FinishReason.StopToken : FinishReason.Length), text.Text);
        }

        async Task TryAllAsync(int[] ids, string text, double sum)
        {
            if (text.Length == 3 || ids.Length == maximum)
            {
                all.Add((ids, sum / Math.Pow(ids.Length, penalty)));
                return;
            }

            var logits = await model.ComputeLogitsAsync(prompt.Concat(ids).ToArray());
            var logSum = LogitKernels.LogSumExp(logits);
            foreach (var end in text.Length > 0 ? model.Tokenizer.EndOfGenerationIds : [])
            {
                all.Add((ids, (sum + (logits[end] - logSum)) / Math.Pow(ids.Length + 1, penalty)));
            }

            foreach (var piece in pieces.Where(piece => text.Length + piece.Text.Length <= 3))
            {
                await TryAllAsync([.. ids, piece.Id], text + piece.Text, sum + (logits[piece.Id] - logSum));
            }
        }
    }

    [TestCase("llama.gguf", 6, null)]
    [TestCase("llama.gguf", 8, "[ab]{1,3}")]
    [TestCase("mamba.gguf", 8, "[ab]{1,3}")]
    public async Task ATextThatSeveralTokensEndIsGivenOnce(string file, int width, string? pattern)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"ends-{width}-{file}");
        using (var original = GgufFile.Open(Fixtures.Path("models", file)))
        {
            var writer = new GgufWriter(original.Metadata.With("tokenizer.ggml.eot_token_id", GgufValue.Of(300u)).With("tokenizer.ggml.eom_token_id", GgufValue.Of(301u)));
            foreach (var tensor in original.Tensors)
            {
                writer.Add(tensor);
            }

            writer.Write(path);
        }

        await using var model = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = Exact });
        Assert.That(model.Tokenizer.EndOfGenerationIds, Has.Count.EqualTo(3));
        var found = await CompareAsync(model, TestModels.Ids(7, model.Engine.VocabularySize, 4), new BeamSearchOptions { Width = width, MaximumTokens = 4, Grammar = pattern is null ? null : Grammar.FromRegex(pattern) });
        Assert.That(found, Is.Unique.And.Count.EqualTo(width));
    }

    [Test]
    public async Task TheEnginesLimitsBoundASearch()
    {
        await using (var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { TokenLimit = 3, MaximumSequences = 1, QueueLimit = 0 }))
        {
            // four beginnings and one place: those that have begun wait, however short the queue
            var found = await model.BeamSearchAsync(new[] { 3, 4 }, new BeamSearchOptions { Width = 4, MaximumTokens = 200 });
            Assert.That(found.Select(text => text.Tokens.Length), Is.All.LessThanOrEqualTo(3).And.Some.EqualTo(3));
            Assert.That(() => model.BeamSearchAsync(new[] { 3 }, new BeamSearchOptions { Grammar = Grammar.FromRegex("[0-9]{40}") }), Throws.TypeOf<GrammarException>());
        }

        await using (var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { TimeLimit = TimeSpan.FromMilliseconds(50), ContextLength = 4096, CacheTokens = 20_000 }))
        {
            var found = await model.BeamSearchAsync(new[] { 3, 4 }, new BeamSearchOptions { Width = 3, MaximumTokens = 4000, Grammar = Grammar.FromRegex("[a-z]{2000}") });
            Assert.That(found.Select(text => (text.Outcome.FinishReason, text.Outcome.IsGrammarComplete)), Is.All.EqualTo((FinishReason.TimeLimit, (bool?)false)));
            Assert.That(found, Is.Not.Empty);
            Assert.That(() => model.BeamSearchAsync(new[] { 3 }, new BeamSearchOptions { MaximumTokens = int.MaxValue }), Throws.TypeOf<ContextFullException>());
            Assert.That(await UsedBytesAsync(model), Is.Zero);
        }
    }

    [Test]
    public async Task EveryTextUnderASchemaIsAWholeDocument()
    {
        await using var model = await LanguageModel.LoadAsync(Fixtures.Path("stories", "stories260K.f32.gguf"), new ModelLoadOptions { Engine = Exact });
        var schema = Grammar.FromJsonSchema("""{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"]}""");
        var needed = schema.Start(model.Tokenizer).TokensToComplete;
        foreach (var maximum in (int[])[needed, needed + 1, 60])
        {
            var found = await model.BeamSearchAsync("Once upon a time", new BeamSearchOptions { Width = 6, MaximumTokens = maximum, Grammar = schema });
            Assert.That(found, Is.Not.Empty);
            Assert.That(Texts(found), Is.Unique);
            foreach (var text in found)
            {
                using var document = JsonDocument.Parse(text.Text);
                Assert.That(document.RootElement.GetProperty("age").GetInt32(), Is.InRange(0, 150));
                Assert.That(document.RootElement.GetProperty("name").GetString()!.EnumerateRunes().Count(), Is.LessThanOrEqualTo(12));
                Assert.That((text.Outcome.IsGrammarComplete, text.Tokens.Length), Is.EqualTo((true, text.Tokens.Length)).And.Matches<(bool?, int)>(pair => pair.Item2 <= maximum));
            }
        }

        Assert.That(() => model.BeamSearchAsync("x", new BeamSearchOptions { MaximumTokens = needed - 1, Grammar = schema }), Throws.TypeOf<GrammarException>().With.Message.Contains($"{needed}"));
        Assert.That(await UsedBytesAsync(model), Is.Zero);
    }

    [Test]
    public async Task ABeamOfOneIsGreedy()
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-f16.gguf", new EngineOptions { ContextLength = 128 });
        var greedy = await model.CompleteAsync("Once upon a time", new GenerationOptions { Sampling = SamplingOptions.Greedy, MaximumTokens = 20, LogProbabilities = 0 });
        var beam = await model.BeamSearchAsync("Once upon a time", new BeamSearchOptions { Width = 1, MaximumTokens = 20 });
        Assert.That(beam.Single().Text, Is.EqualTo(greedy.Text));
        var wide = await model.BeamSearchAsync("Once upon a time", new BeamSearchOptions { Width = 4, MaximumTokens = 20, LengthPenalty = 0 });
        Assert.That(wide[0].Tokens.Sum(token => token.LogProbability), Is.GreaterThanOrEqualTo(greedy.Tokens.Sum(token => token.LogProbability)));
        Assert.That(() => model.BeamSearchAsync("x", new BeamSearchOptions { MaximumTokens = 200 }), Throws.TypeOf<ContextFullException>());
        Assert.That(() => model.BeamSearchAsync("x", new BeamSearchOptions { Width = 0 }), Throws.ArgumentException);
    }

    /// <summary>The state in use once the engine has done what was asked of it: sessions are given back between steps.</summary>
    private static async Task<long> UsedBytesAsync(LanguageModel model)
    {
        await model.ComputeLogitsAsync(new[] { 1 });
        return model.Engine.Statistics.UsedStateBytes;
    }

    private static IEnumerable<string> Texts(IEnumerable<GenerationResult> results) => [.. results.Select(result => string.Join(' ', result.Tokens.Select(token => token.Id)))];

    /// <summary>Compares a search with the same one over whole evaluations, without sessions, forks or states that are kept. Gives what it found.</summary>
    private static async Task<IEnumerable<string>> CompareAsync(LanguageModel model, int[] prompt, BeamSearchOptions options)
    {
        List<(int[] Ids, double Sum)> beams = [([], 0)];
        var ended = new List<(int[] Ids, double Score)>();
        for (var length = 1; length <= options.MaximumTokens; length++)
        {
            var candidates = new List<(int[] Ids, double Sum, bool IsEnd)>();
            foreach (var (ids, sum) in beams)
            {
                var logits = await model.ComputeLogitsAsync(prompt.Concat(ids).ToArray(), adapters: options.Adapters);
                var logSum = LogitKernels.LogSumExp(logits);
                var state = Follow(ids);
                var masked = logits.ToArray();
                state?.Mask(masked, options.MaximumTokens - length + 1);
                for (var id = 0; id < logits.Length; id++)
                {
                    if (masked[id] > float.NegativeInfinity)
                    {
                        int[] longer = [.. ids, id];
                        var isEnd = model.Tokenizer.IsEndOfGeneration(id);
                        candidates.Add((longer, sum + (logits[id] - logSum), isEnd || Follow(longer) is { IsFinished: true }));
                    }
                }
            }

            // a beginning ends once, with its likeliest end token
            candidates = [.. candidates.OrderByDescending(candidate => candidate.Sum)
                .DistinctBy(candidate => model.Tokenizer.IsEndOfGeneration(candidate.Ids[^1]) ? string.Join(' ', candidate.Ids[..^1]) + " end" : string.Join(' ', candidate.Ids))];
            foreach (var (ids, sum, _) in candidates.Take(options.Width).Where(candidate => candidate.IsEnd))
            {
                ended.Add((model.Tokenizer.IsEndOfGeneration(ids[^1]) ? ids[..^1] : ids, sum / Math.Pow(length, options.LengthPenalty)));
            }

            beams = [.. candidates.Where(candidate => !candidate.IsEnd).Take(options.Width).Select(candidate => (candidate.Ids, candidate.Sum))];
        }

        ended.AddRange(beams.Select(beam => (beam.Ids, beam.Sum / Math.Pow(options.MaximumTokens, options.LengthPenalty))));
        var expected = ended.OrderByDescending(text => text.Score).Take(options.Width).Select(text => string.Join(' ', text.Ids)).ToList();
        var found = await model.BeamSearchAsync(prompt, options);
        Assert.That(Texts(found), Is.EqualTo(expected));
        Assert.That(found.Select(text => text.Outcome.IsGrammarComplete), Is.All.EqualTo(options.Grammar is null ? null : true));
        Assert.That(await UsedBytesAsync(model), Is.Zero);
        return expected;

        GrammarState? Follow(int[] ids)
        {
            var state = options.Grammar?.Start(model.Tokenizer);
            Assert.That(state is null || Array.TrueForAll(ids, state.TryAccept));
            return state;
        }
    }
}
