using System.Collections.Immutable;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Chat;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Sampling;

/// <summary>What a file recommends counts where nothing is set, and nowhere else.</summary>
public sealed class RecommendedSamplingTests
{
    private const int Context = 512;
    private const int Vocabulary = 100;
    private const string Prompt = "Once upon a time";

    [Test]
    public void EveryKeyIsRead()
    {
        var read = Read(
            ("temp", GgufValue.Of(0.6f)), ("top_k", GgufValue.Of(20)), ("top_p", GgufValue.Of(0.9f)), ("min_p", GgufValue.Of(0.01f)), ("xtc_probability", GgufValue.Of(0.25f)), ("xtc_threshold", GgufValue.Of(0.2f)),
            ("penalty_last_n", GgufValue.Of(-1)), ("penalty_repeat", GgufValue.Of(1.1f)), ("mirostat", GgufValue.Of(2)), ("mirostat_tau", GgufValue.Of(4f)), ("mirostat_eta", GgufValue.Of(0.2f)),
            ("sequence", GgufValue.Of("top_k;temperature;nothing")));
        var expected = new SamplingOptions
        {
            Temperature = 0.6f, TopK = 20, TopP = 0.9f, MinP = 0.01f, XtcProbability = 0.25f, XtcThreshold = 0.2f, PenaltyWindow = Context, RepetitionPenalty = 1.1f, Mirostat = MirostatMode.Version2,
            MirostatTau = 4, MirostatEta = 0.2f, Order = [SamplerKind.TopK, SamplerKind.Temperature],
        };
        Assert.That(read.Order, Is.EqualTo(expected.Order));
        Assert.That(WithListsOf(expected, read), Is.EqualTo(WithListsOf(expected, expected)));
    }

    [Test]
    public void NumbersOfOtherTypesAreRead()
    {
        var expected = new SamplingOptions { Temperature = 1, TopK = 64, PenaltyWindow = 32 };
        Assert.That(WithListsOf(expected, Read(("temp", GgufValue.Of(1u)), ("top_k", GgufValue.Of(64f)), ("penalty_last_n", GgufValue.Of(32ul)))), Is.EqualTo(WithListsOf(expected, expected)));
    }

    [Test]
    public void WhatCannotBeUsedCountsAsAbsent()
    {
        var read = Read(
            ("temp", GgufValue.Of(float.NaN)), ("top_k", GgufValue.Of(ulong.MaxValue)), ("top_p", GgufValue.Of(float.PositiveInfinity)), ("min_p", GgufValue.Of("0.1")), ("xtc_probability", GgufValue.Of([1f])),
            ("penalty_repeat", GgufValue.Of(0f)), ("mirostat", GgufValue.Of(7)), ("sequence", GgufValue.Of("greedy")));
        Assert.That(read.Order, Is.EqualTo(SamplingOptions.DefaultOrder));
        Assert.That(read with { DrySequenceBreakers = [] }, Is.EqualTo(new SamplingOptions { DrySequenceBreakers = [] }));
    }

    [Test]
    public void SuppressedTokensAreForbiddenUnlessTheyHaveABias()
    {
        var recommended = RecommendedSampling.Read(new GgufMetadata([new("tokenizer.ggml.suppress_tokens", GgufValue.Of([7, 9, 7, -1, Vocabulary]))]), Context, Vocabulary);
        Assert.That(recommended.LogitBias, Is.EquivalentTo(new Dictionary<int, float> { [7] = float.NegativeInfinity, [9] = float.NegativeInfinity }));
        var over = new SamplingOptions { LogitBias = new Dictionary<int, float> { [3] = 1, [9] = 0 }.ToImmutableDictionary() }.Over(recommended);
        Assert.That(over.LogitBias, Is.EquivalentTo(new Dictionary<int, float> { [3] = 1, [7] = float.NegativeInfinity, [9] = 0 }));
    }

    [Test]
    public void WhatIsSetWins()
    {
        var recommended = Read(("temp", GgufValue.Of(0.6f)), ("top_k", GgufValue.Of(20)), ("penalty_repeat", GgufValue.Of(1.2f)), ("sequence", GgufValue.Of("top_k")));
        var given = new SamplingOptions { Temperature = 0.8f, Seed = 3, TypicalP = 0.5f };
        var over = given.Over(recommended);
        Assert.That((over.Temperature, over.TopK, over.TopP, over.RepetitionPenalty, over.Seed, over.TypicalP), Is.EqualTo((0.8f, 20, 0.95f, 1.2f, 3L, 0.5f)));
        Assert.That(over.Order, Is.EqualTo([SamplerKind.TopK]));
        var greedy = SamplingOptions.Greedy.Over(recommended);
        Assert.That((greedy.Temperature, greedy.RepetitionPenalty), Is.EqualTo((0f, 1f)));
        Assert.That(greedy.Order, Is.EqualTo(SamplingOptions.DefaultOrder));
    }

    [Test]
    public void GreedyIsGreedyWhateverAFileRecommends()
    {
        var recommended = Read(
            ("temp", GgufValue.Of(2f)), ("top_k", GgufValue.Of(2)), ("min_p", GgufValue.Of(0.9f)), ("xtc_probability", GgufValue.Of(1f)), ("xtc_threshold", GgufValue.Of(0.01f)), ("penalty_repeat", GgufValue.Of(5f)), ("mirostat", GgufValue.Of(1)), ("sequence", GgufValue.Of("xtc;penalties")));
        var logits = Enumerable.Range(0, Vocabulary).Select(id => id == 7 ? 2f : id == 8 ? 1.9f : 0).ToArray();
        Assert.That(SamplerChain.Create(SamplingOptions.Greedy.Over(recommended), Vocabulary).Sample(logits, [7, 7]), Is.EqualTo(7));
    }

    [Test]
    public async Task AModelSamplesAsItsFileRecommends()
    {
        var path = Path.Combine(Path.GetTempPath(), $"abi-{Guid.NewGuid():n}.gguf");
        try
        {
            int first;
            await using (var plain = await LanguageModel.LoadAsync(StoriesModel.Path))
            {
                first = (await plain.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 1, Sampling = SamplingOptions.Greedy })).Tokens[0].Id;
            }

            using (var file = GgufFile.Open(StoriesModel.Path))
            {
                var writer = new GgufWriter(file.Metadata.With("general.sampling.temp", GgufValue.Of(0f)).With("general.sampling.top_k", GgufValue.Of(7)).With("tokenizer.ggml.suppress_tokens", GgufValue.Of([first])));
                foreach (var tensor in file.Tensors)
                {
                    writer.Add(tensor);
                }

                writer.Write(path);
            }

            await using var abi = await AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.MaximumTokens) = (path, 20)).BuildAsync();
            var model = abi.Llm.Model;
            Assert.That((model.RecommendedSampling.Temperature, model.RecommendedSampling.TopK, model.RecommendedSampling.TopP), Is.EqualTo((0f, 7, 0.95f)));
            var greedy = (await model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 20, Sampling = SamplingOptions.Greedy })).Text;
            Assert.That((await model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 20, Sampling = SamplingOptions.Greedy })).Tokens.Select(token => token.Id), Has.None.EqualTo(first));
            for (var seed = 0; seed < 3; seed++)
            {
                Assert.That((await model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 20, Sampling = new SamplingOptions { Seed = seed } })).Text, Is.EqualTo(greedy));
            }

            Assert.That((await abi.Llm.CompleteAsync(Prompt)).Text, Is.EqualTo(greedy));
            Assert.That((await model.BeamSearchAsync(Prompt, new BeamSearchOptions { Width = 1, MaximumTokens = 20 })).Single().Text, Is.EqualTo(greedy), "a beam of one is greedy");
            Assert.That((await model.BeamSearchAsync(Prompt, new BeamSearchOptions { Width = 4, MaximumTokens = 20 })).SelectMany(text => text.Tokens).Select(token => token.Id), Has.None.EqualTo(first));
            var sampled = await Task.WhenAll(Enumerable.Range(0, 5).Select(seed => model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 20, Sampling = new SamplingOptions { Seed = seed, Temperature = 0.8f } })));
            Assert.That(sampled.Select(result => result.Text).Distinct().Count(), Is.GreaterThan(2));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task AChatClientAsksForWhatTheFileRecommends()
    {
        var backend = new ScriptedBackend("one", "two") { RecommendedSampling = Read(("temp", GgufValue.Of(0.6f)), ("top_k", GgufValue.Of(20))) };
        var client = ScriptedBackend.Client(backend);
        await client.GetResponseAsync("Hi");
        await client.GetResponseAsync("Hi", new ChatOptions { Temperature = 0.1f, TopP = 0.5f });
        Assert.That(
            backend.Requests.Select(request => (request.Options.Sampling.Temperature, request.Options.Sampling.TopK, request.Options.Sampling.TopP)), Is.EqualTo([(0.6f, 20, 0.95f), (0.1f, 20, 0.5f)]));
    }

    // Lists are equal when they are the same.
    private static SamplingOptions WithListsOf(SamplingOptions expected, SamplingOptions found) => found.Over(new SamplingOptions()) with { Order = expected.Order, DrySequenceBreakers = expected.DrySequenceBreakers };

    private static SamplingOptions Read(params (string Key, GgufValue Value)[] values) =>
        RecommendedSampling.Read(new GgufMetadata([.. values.Select(value => KeyValuePair.Create($"general.sampling.{value.Key}", value.Value))]), Context, Vocabulary);
}
