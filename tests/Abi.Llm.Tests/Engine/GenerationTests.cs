using System.Text;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Text generation end to end on the embedded story model's file.</summary>
[Parallelizable]
public sealed class GenerationTests
{
    private const string Prompt = "Once upon a time, there was a little girl named Lily.";
    private LanguageModel _model = null!;

    private static GenerationOptions Greedy(int tokens) => new() { Sampling = SamplingOptions.Greedy, MaximumTokens = tokens };

    [OneTimeSetUp]
    public async Task LoadAsync() => _model = await LanguageModel.LoadAsync(Fixtures.Path("stories-model", "stories-q8_0.gguf"), new ModelLoadOptions { Engine = new EngineOptions { CacheType = TensorType.F32, CacheTokens = 8 * 512 } });

    [OneTimeTearDown]
    public async Task UnloadAsync()
    {
        if (_model is not null)
        {
            await _model.DisposeAsync();
        }
    }

    [Test]
    public async Task TextPiecesTokensAndResultAgree()
    {
        var pieces = await _model.GenerateAsync(Prompt, Greedy(40), CancellationToken.None).ToListAsync();
        var result = await GenerationResult.ReadAsync(pieces.ToAsyncEnumerable());
        Assert.That(result.Text, Does.StartWith(" She loved to play with her toys"));
        Assert.That(string.Concat(pieces.Select(piece => piece.Text)), Is.EqualTo(result.Text));
        Assert.That(pieces.SelectMany(piece => piece.Tokens).Select(token => token.Id), Is.EqualTo(result.Tokens.Select(token => token.Id)));
        Assert.That(pieces[^1].Outcome, Is.EqualTo(result.Outcome));
        Assert.That((await _model.CompleteAsync(Prompt, Greedy(40), CancellationToken.None)).Text, Is.EqualTo(result.Text));
        Assert.That(pieces.SkipLast(1).Select(piece => piece.Outcome), Is.All.Null);
        Assert.That(result.Outcome.FinishReason, Is.EqualTo(FinishReason.Length));
        Assert.That(result.Outcome.Usage, Is.EqualTo(new GenerationUsage(14, 0, 40)));
        Assert.That(result.Outcome.Timings.GeneratedTokensPerSecond, Is.GreaterThan(0));
        Assert.That(result.Outcome.Timings.TimeToFirstToken, Is.GreaterThan(TimeSpan.Zero));
    }

    [Test]
    public async Task StopStringsEndTheTextAndNeverShowAlsoWhenSplitOverTokens()
    {
        var whole = (await _model.CompleteAsync(Prompt, Greedy(40))).Text;
        foreach (var stop in new[] { " toys", "eat yum", "food. One", "d.", "with her toys and eat yummy" })
        {
            var result = await _model.CompleteAsync(Prompt, Greedy(40) with { StopStrings = ["never there", stop] });
            Assert.That(result.Text, Is.EqualTo(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]));
            Assert.That(result.Outcome.FinishReason, Is.EqualTo(FinishReason.StopString));
            Assert.That(result.Outcome.StopString, Is.EqualTo(stop));
        }

        Assert.That((await _model.CompleteAsync(Prompt, Greedy(40) with { StopStrings = ["One day, Lily's dad"] })).Text, Is.EqualTo(whole), "what only began like a stop string comes after all");
    }

    [Test]
    public async Task StopTokensEndTheTextAndAreNamed()
    {
        var plain = await _model.CompleteAsync(Prompt, Greedy(10));
        var stop = plain.Tokens[5].Id;
        var result = await _model.CompleteAsync(Prompt, Greedy(10) with { StopTokens = [stop] });
        Assert.That(result.Tokens.Select(token => token.Id), Is.EqualTo(plain.Tokens.Take(5).Select(token => token.Id)));
        Assert.That(result.Outcome.StopTokenId, Is.EqualTo(stop));
        Assert.That(result.Outcome.FinishReason, Is.EqualTo(FinishReason.StopToken));
    }

    [Test]
    public async Task SeedsRepeatVaryAndAreReported()
    {
        var options = new GenerationOptions { MaximumTokens = 30, Sampling = new SamplingOptions { Temperature = 1.2f, TopK = 0, TopP = 1, MinP = 0 } };
        var first = await _model.CompleteAsync(Prompt, options);
        var second = await _model.CompleteAsync(Prompt, options);
        Assert.That(second.Outcome.Seed, Is.Not.EqualTo(first.Outcome.Seed));
        Assert.That(second.Text, Is.Not.EqualTo(first.Text));
        var again = await _model.CompleteAsync(Prompt, options with { Sampling = options.Sampling with { Seed = first.Outcome.Seed } });
        Assert.That(again.Text, Is.EqualTo(first.Text));
    }

    [Test]
    public async Task LogProbabilitiesAreThoseOfTheModel()
    {
        var result = await _model.CompleteAsync(Prompt, Greedy(8) with { LogProbabilities = 3 });
        var prompt = _model.Encode(Prompt);
        var scores = await _model.ScoreAsync((int[])[.. prompt, .. result.Tokens.Select(token => token.Id)]);
        for (var i = 0; i < result.Tokens.Length; i++)
        {
            Assert.That(result.Tokens[i].LogProbability, Is.EqualTo(scores[prompt.Length + i]).Within(1e-4));
            Assert.That(result.Tokens[i].Top, Has.Length.EqualTo(3));
            Assert.That(result.Tokens[i].Top[0].Id, Is.EqualTo(result.Tokens[i].Id), "greedy takes the best");
            Assert.That(result.Tokens[i].Top[0].LogProbability, Is.EqualTo(result.Tokens[i].LogProbability).Within(1e-5));
        }
    }

    [Test]
    public async Task BytesAndPiecesAreTheSameText()
    {
        var whole = (await _model.CompleteAsync(Prompt, Greedy(50))).Text;
        await using var asynchronous = _model.Start(Prompt, Greedy(50));
        var bytes = new List<byte>();
        var buffer = new byte[7];
        while (await asynchronous.WaitToReadAsync())
        {
            bytes.AddRange(buffer[..asynchronous.TryRead(buffer)]);
        }

        Assert.That(Encoding.UTF8.GetString([.. bytes]), Is.EqualTo(whole));
        using var blocking = _model.Start(Prompt, Greedy(50));
        bytes.Clear();
        for (int count; (count = blocking.Read(buffer)) > 0;)
        {
            bytes.AddRange(buffer[..count]);
        }

        Assert.That(Encoding.UTF8.GetString([.. bytes]), Is.EqualTo(whole));
        Assert.That(blocking.Outcome!.FinishReason, Is.EqualTo(FinishReason.Length));
    }

    [Test]
    public async Task CharactersAreNeverSplit()
    {
        // a flat distribution over all tokens gives many byte tokens: halves of characters and bytes that are no characters at all
        var options = new GenerationOptions { MaximumTokens = 300, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 50, TopK = 0, TopP = 1, MinP = 0, Seed = 3 } };
        var text = new StringBuilder();
        var ids = new List<int>();
        await foreach (var piece in _model.GenerateAsync(Prompt, options))
        {
            text.Append(piece.Text);
            ids.AddRange(piece.Tokens.Select(token => token.Id));
            Assert.That(piece.Text.Length == 0 || !char.IsHighSurrogate(piece.Text[^1]));
        }

        Assert.That(ids, Has.Count.EqualTo(300));
        Assert.That(text.ToString(), Does.Not.Contain('\0').Or.Not.Empty);
    }

    [TestCase(1)]
    [TestCase(8)]
    public void TheEngineAloneAllocatesNothing(int sequences) =>
        Assert.That(AllocationProbe.Measure(Fixtures.Path("stories-model", "stories-q8_0.gguf"), sequences, "canned"), Is.Zero);

    [TestCase(1)]
    [TestCase(8)]
    public void TheProcessorAllocatesNothing(int sequences) =>
        Assert.That(AllocationProbe.Measure(Fixtures.Path("stories-model", "stories-q8_0.gguf"), sequences, "cpu"), Is.Zero);

    [Test]
    public void TheProbeSeesASmallObjectForEachToken() => // the engine may have been ahead of the reader by a buffer when the window opened
        Assert.That(AllocationProbe.Measure(Fixtures.Path("stories-model", "stories-q8_0.gguf"), 1, "leaking"), Is.GreaterThanOrEqualTo((256 - 64) * 24));

    [Test]
    public async Task ServerSentEventsOfAGenerationEnd()
    {
        using var stream = new MemoryStream();
        await new ServerSentEventWriter(stream).WriteGenerationAsync(_model.GenerateAsync(Prompt, Greedy(5)));
        var text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.That(text, Does.StartWith("data: {\"text\":\" She\",\"ids\":[330]}\n\n").And.EndWith("data: [DONE]\n\n"));
    }

    [Test]
    public async Task ManyAtOnceGiveEachTheirOwnText()
    {
        string[] prompts = [Prompt, "One day, Tom and his dog went to the park.", "The big red ball", "Mom gave Ben a cookie.", "\"I am sad,\" said the little bird."];
        var alone = new List<string>();
        foreach (var prompt in prompts)
        {
            alone.Add((await _model.CompleteAsync(prompt, Greedy(30))).Text);
        }

        var together = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => _model.CompleteAsync(prompts[i % prompts.Length], Greedy(30))));
        for (var i = 0; i < together.Length; i++)
        {
            Assert.That(together[i].Text, Is.EqualTo(alone[i % prompts.Length]));
        }
    }

    [Test]
    public void LoadingErrorsAreAbiExceptions()
    {
        Assert.That(async () => await LanguageModel.LoadAsync("/nowhere/model.gguf"), Throws.InstanceOf<AbiException>().With.Message.Contains("/nowhere/model.gguf"));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.That(async () => await LanguageModel.LoadAsync(_model.Path, cancellationToken: stopped.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task LoadingReportsItsProgress()
    {
        var stages = new List<ModelLoadProgress>();
        await using var model = await LanguageModel.LoadAsync(_model.Path, new ModelLoadOptions { Prefetch = true }, new Collect(stages));
        Assert.That(stages[0].Stage, Is.EqualTo(ModelLoadStage.Opening));
        Assert.That(stages[^1], Is.EqualTo(new ModelLoadProgress(ModelLoadStage.Ready, 1)));
        Assert.That(stages.Count(stage => stage.Stage == ModelLoadStage.Weights), Is.GreaterThan(5));
        Assert.That(stages.Select(stage => stage.Fraction), Is.Ordered);
    }

    private sealed class Collect(List<ModelLoadProgress> list) : IProgress<ModelLoadProgress>
    {
        public void Report(ModelLoadProgress value) => list.Add(value);
    }
}
