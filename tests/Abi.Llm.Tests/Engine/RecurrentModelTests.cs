using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Models;

namespace Abi.Llm.Tests.Engine;

/// <summary>
/// Models with every kind of recurrent state, alone and beside attention: whatever is reused, taken back, forked, saved or lost, the bits are those of computing the text at once.
/// </summary>
[TestFixtureSource(typeof(RecurrentModels), nameof(RecurrentModels.Names))]
public sealed class RecurrentModelTests(string architecture)
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 512, CheckpointInterval = 32 };
    private string _path = string.Empty;
    private LanguageModel _plain = null!; // reuses nothing: every request is computed from its first token

    [OneTimeSetUp]
    public async Task MakeAsync()
    {
        _path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        RecurrentModels.Write(_path, architecture);
        _plain = await LoadAsync(Exact with { ReusePrefixes = false });
    }

    [OneTimeTearDown]
    public async Task RemoveAsync()
    {
        if (_plain is not null)
        {
            await _plain.DisposeAsync();
        }

        File.Delete(_path);
    }

    [Test]
    public async Task ChunksAndCompanyChangeNoBit()
    {
        Assert.That(_plain.Definition.State.IsPositional, Is.False, "the model keeps recurrent state");
        await using var crowd = await LoadAsync(Exact with { MaximumRows = 23, MaximumPromptRowsBesideDecode = 9, MaximumSequences = 3, CacheTokens = 600 });
        var prompts = Enumerable.Range(0, 8).Select(i => TestModels.Ids(20 + (i * 17), _plain.Engine.VocabularySize, i)).ToArray();
        var together = await Task.WhenAll(prompts.Select(prompt => CheckpointTests.RunAsync(crowd.Engine.Start(prompt, Tokens(12)))));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.That(together[i].Bits, Is.EqualTo(await PlainAsync(prompts[i], 12)), $"prompt {i}");
        }
    }

    [Test]
    public async Task CheckpointsAreGoneOnFrom()
    {
        await using var model = await LoadAsync(Exact);
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 1);
        int[] branch = [.. prompt.AsSpan(0, 75), .. TestModels.Ids(30, model.Engine.VocabularySize, 2)];
        foreach (var (ids, cached) in ((int[], int)[])[(prompt, 0), (prompt, 99), (branch, 64), (branch, 104), ([.. prompt, 5, 6], 99)])
        {
            var found = await CheckpointTests.RunAsync(model.Engine.Start(ids, Tokens(6)));
            Assert.That(found.Cached, Is.EqualTo(cached), $"{ids.Length} tokens");
            Assert.That(found.Bits, Is.EqualTo(await PlainAsync(ids, 6)), $"{ids.Length} tokens, {cached} of them known");
        }
    }

    /// <summary>Sessions are prolonged, taken back, forked, saved and dropped at random, with memory for a few of them only.</summary>
    [Test]
    public async Task WhateverWasDoneBeforeTheBitsAreThoseOfTheTextAtOnce()
    {
        await using var model = await LoadAsync(Exact with { MaximumSequences = 3, CacheTokens = 700, MaximumRows = 40 });
        var random = new Random(architecture.Length);
        var sessions = new List<InferenceSession> { model.CreateSession() };
        var cached = 0;
        for (var round = 0; round < 60; round++)
        {
            var at = random.Next(sessions.Count);
            var session = sessions[at];
            switch (random.Next(6))
            {
                case 0:
                    session.Rewind(random.Next(session.Count + 1));
                    break;
                case 1 when sessions.Count < 8:
                    sessions.Add(session.Fork());
                    break;
                case 2 when sessions.Count > 1:
                    session.Dispose();
                    sessions.RemoveAt(at);
                    break;
                case 3:
                    using (var saved = new MemoryStream())
                    {
                        await session.SaveAsync(saved);
                        saved.Position = 0;
                        session.Dispose();
                        sessions[at] = await model.RestoreSessionAsync(saved);
                    }

                    break;
                default:
                    if (session.Count > 300)
                    {
                        session.Rewind(random.Next(100));
                    }

                    var prompt = TestModels.Ids(random.Next(1, 60), model.Engine.VocabularySize, random.Next(6));
                    int[] all = [.. session.GetIds(), .. prompt];
                    var found = await CheckpointTests.RunAsync(session.Start(prompt, Tokens(8, round)));
                    Assert.That(found.Bits, Is.EqualTo(await PlainAsync(all, 8, round)), $"round {round}, {all.Length} tokens, {found.Cached} known");
                    cached += found.Cached;
                    break;
            }
        }

        Assert.That(cached, Is.GreaterThan(500), "state was gone on from");
        sessions.ForEach(session => session.Dispose());
        await CheckpointTests.RunAsync(model.Engine.Start([1], Tokens(1))); // what comes later sees what was given back
        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.Zero);
    }

    [Test]
    public async Task ContinuationsAndBeamsShareTheirBeginning()
    {
        await using var model = await LoadAsync(Exact);
        var prompt = TestModels.Ids(70, model.Engine.VocabularySize, 9);
        var many = await model.CompleteManyAsync(prompt, 4, Tokens(8, 30));
        for (var i = 0; i < many.Length; i++)
        {
            Assert.That(many[i].Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }), Is.EqualTo(await PlainAsync(prompt, 8, 30 + i)));
        }

        foreach (var beam in await model.BeamSearchAsync(prompt, new BeamSearchOptions { Width = 4, MaximumTokens = 5 }))
        {
            var logits = await _plain.ComputeLogitsAsync((int[])[.. prompt, .. beam.Tokens.Select(token => token.Id)], all: true);
            for (var i = 0; i < beam.Tokens.Length; i++)
            {
                var row = logits.AsSpan((prompt.Length + i - 1) * model.Engine.VocabularySize, model.Engine.VocabularySize);
                Assert.That(beam.Tokens[i].LogProbability, Is.EqualTo(row[beam.Tokens[i].Id] - LogitKernels.LogSumExp(row)));
            }
        }
    }

    private async Task<float[]> PlainAsync(int[] ids, int count, long seed = 1) => (await CheckpointTests.RunAsync(_plain.Engine.Start(ids, Tokens(count, seed)))).Bits;

    private Task<LanguageModel> LoadAsync(EngineOptions options) => LanguageModel.LoadAsync(_path, new ModelLoadOptions { Device = CpuDevice.Default, Engine = options });

    private static GenerationOptions Tokens(int count, long seed = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };
}
