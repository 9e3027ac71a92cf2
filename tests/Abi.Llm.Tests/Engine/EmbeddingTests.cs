using System.Numerics.Tensors;
using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;
using Abi.Compute.Tensors;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Tests.Models;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Embeddings through the engine, of encoders and of models that generate.</summary>
public sealed class EmbeddingTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact };

    private static IEnumerable<EmbeddingPooling> Poolings() => [EmbeddingPooling.None, EmbeddingPooling.Mean, EmbeddingPooling.Cls, EmbeddingPooling.Last];

    [TestCaseSource(nameof(Poolings))]
    public async Task VectorsEqualTheReference(EmbeddingPooling pooling)
    {
        using var bert = new Encoder("bert.gguf");
        var ids = Tokens("bert");
        var (shape, expected) = NpyFile.Read<float>(Fixtures.Path("models", $"bert.embedding-{pooling.ToString().ToLowerInvariant()}.npy"));
        var result = await bert.EmbedAsync(ids, new EmbeddingOptions { Pooling = pooling });
        var error = ModelDefinitionTests.MeanSquaredError(expected, result.Values.ToArray());
        await TestContext.Out.WriteLineAsync($"bert, {pooling}: normalised mean squared error {error:g3}");
        Assert.That(error, Is.LessThanOrEqualTo(1e-4));
        Assert.That((result.Rows, result.Width, result.TokenCount, result.Pooling), Is.EqualTo((pooling == EmbeddingPooling.None ? 32 : 1, shape[^1], 32, pooling)));
        Assert.That(result.Row(result.Rows - 1).ToArray(), Is.EqualTo(result.Values.ToArray()[^result.Width..]));
        Assert.That(() => result.Row(result.Rows), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task PoolingIsAsDeclaredUnlessChosen()
    {
        using var bert = new Encoder("bert.gguf");
        var ids = Tokens("bert");
        var declared = await bert.EmbedAsync(ids);
        Assert.That(declared.Pooling, Is.EqualTo(EmbeddingPooling.Mean));
        Assert.That(declared.Values.ToArray(), Is.EqualTo((await bert.EmbedAsync(ids, new EmbeddingOptions { Pooling = EmbeddingPooling.Mean })).Values.ToArray()));
        Assert.That(declared.Values.ToArray(), Is.Not.EqualTo((await bert.EmbedAsync(ids, new EmbeddingOptions { Pooling = EmbeddingPooling.Cls })).Values.ToArray()));
    }

    [Test]
    public async Task VectorsAreNormalisedAndCutOnRequest()
    {
        using var bert = new Encoder("bert.gguf");
        var ids = Tokens("bert");
        var plain = (await bert.EmbedAsync(ids)).Values.ToArray();
        var unit = (await bert.EmbedAsync(ids, new EmbeddingOptions { Normalize = true })).Values.ToArray();
        var length = Math.Sqrt(plain.Sum(component => (double)component * component));
        Assert.That(length, Is.Not.EqualTo(1).Within(1e-3));
        Assert.That(unit, Is.EqualTo(plain.Select(component => (float)(component / length))));
        var cut = await bert.EmbedAsync(ids, new EmbeddingOptions { Normalize = true, Dimensions = 8, Pooling = EmbeddingPooling.None });
        Assert.That((cut.Rows, cut.Width, cut.Values.Length), Is.EqualTo((32, 8, 256)));
        Assert.That(TensorPrimitives.Norm(cut.Row(31).Span), Is.EqualTo(1).Within(1e-6));
        Assert.That(async () => await bert.EmbedAsync(ids, new EmbeddingOptions { Dimensions = 65 }), Throws.ArgumentException.With.Message.Contains("64 components"));
        Assert.That(async () => await bert.EmbedAsync(ids, new EmbeddingOptions { Dimensions = 0 }), Throws.ArgumentException);
        Assert.That(EmbeddingVectors.Finish([0, 0, 1.5e38f, 2e38f, 1e-40f, 0], 2, new EmbeddingOptions { Normalize = true }), Is.EqualTo(new[] { 0, 0, 0.6f, 0.8f, 1, 0 }).Within(1e-4f), "zeros, what squares to infinity, what squares to zero");
    }

    [TestCase("llama.gguf", EmbeddingPooling.Mean)]
    [TestCase("gemma3.gguf", EmbeddingPooling.Last)]
    [TestCase("mamba.gguf", EmbeddingPooling.None)]
    [TestCase("t5.gguf", EmbeddingPooling.Mean)]
    [TestCase("bert.gguf", EmbeddingPooling.Mean)]
    public async Task ATextsBitsDoNotDependOnItsCompany(string file, EmbeddingPooling pooling)
    {
        using var model = new Encoder(file, Exact with { MaximumRows = 64, MaximumPromptRowsBesideDecode = 16 });
        var options = new EmbeddingOptions { Pooling = pooling };
        var random = new Random(3);
        var texts = Enumerable.Range(0, 24).Select(i => TestModels.Ids(1 + random.Next(i % 8 == 0 ? 100 : 30), model.Engine.VocabularySize, i)).ToArray();
        var together = await Task.WhenAll(texts.Chunk(5).Select(some => model.Engine.EmbedAsync([.. some.Select(ids => new ReadOnlyMemory<int>(ids))], options)));
        var results = together.SelectMany(result => result).ToArray();
        for (var i = 0; i < texts.Length; i++)
        {
            var alone = await model.EmbedAsync(texts[i], options);
            Assert.That(results[i].Values.ToArray(), Is.EqualTo(alone.Values.ToArray()), $"text {i} of {texts[i].Length} tokens");
            Assert.That(results[i].TokenCount, Is.EqualTo(texts[i].Length));
        }

        Assert.That(model.Engine.Statistics.Steps, Is.LessThan(24 + 24), "texts share steps");
    }

    [TestCase("llama.gguf")]
    [TestCase("mamba.gguf")]
    [TestCase("qwen2.gguf")]
    public async Task TheVectorsOfADecoderAreWhatItsLogitsAreMadeOf(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file);
        var ids = TestModels.Ids(20, model.Engine.VocabularySize, 1);
        var logits = await model.ComputeLogitsAsync(ids);
        var vectors = (await model.Engine.EmbedAsync([ids], new EmbeddingOptions { Pooling = EmbeddingPooling.None }))[0];
        var output = model.Tensors.Single(tensor => tensor.Name == (model.Tensors.Any(t => t.Name == "output.weight") ? "output.weight" : "token_embd.weight"));
        var row = new float[output.Columns];
        for (var id = 0; id < logits.Length; id += 37)
        {
            output.DecodeRow(id, row);
            Assert.That(TensorPrimitives.Dot(row, vectors.Row(19).Span), Is.EqualTo(logits[id]).Within(1e-3));
        }
    }

    [Test]
    public async Task GenerationsAndEmbeddingsTakeTurns()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        var alone = await InferenceEngineTests.Run(model, [3, 4, 5], new GenerationOptions { MaximumTokens = 60, IgnoreEndOfGeneration = true, Sampling = new() { Seed = 1 } });
        var texts = Enumerable.Range(0, 50).Select(i => new ReadOnlyMemory<int>(TestModels.Ids(90, model.Engine.VocabularySize, i))).ToArray();
        var embedding = model.Engine.EmbedAsync(texts, new EmbeddingOptions { Pooling = EmbeddingPooling.Mean });
        var beside = await InferenceEngineTests.Run(model, [3, 4, 5], new GenerationOptions { MaximumTokens = 60, IgnoreEndOfGeneration = true, Sampling = new() { Seed = 1 } });
        Assert.That(beside.Ids, Is.EqualTo(alone.Ids));
        Assert.That((await embedding).Length, Is.EqualTo(50));
    }

    [Test]
    public async Task AnEncoderDoesNotGenerateAndSaysSo()
    {
        using var bert = new Encoder("bert.gguf");
        Assert.That(() => bert.Engine.Start([1, 2, 3]), Says());
        Assert.That(() => bert.Engine.CreateSession(), Says());
        Assert.That(async () => await bert.Engine.EvaluateAsync([1, 2, 3], 0, (_, _) => { }), Says());
        Assert.That((await bert.EmbedAsync([1, 2, 3])).Rows, Is.EqualTo(1));

        static NUnit.Framework.Constraints.IResolveConstraint Says() => Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("'bert' is an encoder").And.Message.Contains("EmbedAsync");
    }

    [Test]
    public async Task ATextThatIsTooLongIsRefusedOrCut()
    {
        using var bert = new Encoder("bert.gguf", Exact with { ContextLength = 16 });
        var ids = Tokens("bert");
        Assert.That(async () => await bert.EmbedAsync(ids), Throws.TypeOf<ContextFullException>().With.Property("TokenCount").EqualTo(32).And.Property("ContextLength").EqualTo(16).And.Message.Contains("EmbeddingOptions.Truncate"));
        var cut = await bert.EmbedAsync(ids, new EmbeddingOptions { Truncate = true });
        Assert.That(cut.TokenCount, Is.EqualTo(16));
        Assert.That(cut.Values.ToArray(), Is.EqualTo((await bert.EmbedAsync([.. ids[..15], ids[15]])).Values.ToArray()));
        Assert.That(async () => await bert.EmbedAsync([]), Throws.ArgumentException.With.Message.Contains("Text 0 has no tokens"));
        Assert.That(async () => await bert.EmbedAsync([1, 9999]), Throws.InstanceOf<ArgumentException>());
        Assert.That((await bert.Engine.EmbedAsync([])).IsEmpty);
    }

    [Test]
    public async Task CancellingOneLeavesTheOthers()
    {
        using var model = new Encoder("llama.gguf");
        using var stop = new CancellationTokenSource();
        var mean = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean };
        var texts = Enumerable.Range(0, 200).Select(i => new ReadOnlyMemory<int>(TestModels.Ids(100, model.Engine.VocabularySize, i))).ToArray();
        var cancelled = model.Engine.EmbedAsync(texts, mean, stop.Token);
        var kept = model.Engine.EmbedAsync(texts[..3], mean);
        await stop.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await kept).Length, Is.EqualTo(3));
        Assert.That(async () => await model.Engine.EmbedAsync(texts[..1], mean, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await model.Engine.EmbedAsync(texts[..1], mean))[0].Values.ToArray(), Is.EqualTo((await kept)[0].Values.ToArray()));
    }

    /// <summary>One caller adds a whole library, another searches it.</summary>
    [TestCase(EmbeddingPooling.Mean)]
    [TestCase(EmbeddingPooling.Last)]
    public async Task AFewTextsDoNotWaitForAllOfAnother(EmbeddingPooling pooling)
    {
        using var device = new WatchedDevice();
        using var model = new Encoder("llama.gguf", device: device);
        var texts = Enumerable.Range(0, 60).Select(i => new ReadOnlyMemory<int>(TestModels.Ids(100, model.Engine.VocabularySize, i))).ToArray();
        Task<EmbeddingResult>? search = null;
        var steps = 0;
        var isFound = false;
        device.OnRun = _ =>
        {
            switch (++steps)
            {
                case 1:
                    search = model.EmbedAsync(TestModels.Ids(100, model.Engine.VocabularySize, 99), new EmbeddingOptions { Pooling = pooling });
                    break;
                case 4:
                    isFound = search!.Wait(TimeSpan.FromSeconds(5), CancellationToken.None);
                    break;
            }
        };
        var library = await model.Engine.EmbedAsync(texts, new EmbeddingOptions { Pooling = EmbeddingPooling.Mean });
        Assert.That(steps, Is.GreaterThan(10));
        Assert.That(isFound, Is.True);
        device.OnRun = null;
        Assert.That(library[59].Values.ToArray(), Is.EqualTo((await model.Engine.EmbedAsync(texts[59..], new EmbeddingOptions { Pooling = EmbeddingPooling.Mean }))[0].Values.ToArray()));
    }

    [Test]
    public void DisposingEndsWhatRuns()
    {
        var model = new Encoder("llama.gguf");
        var texts = Enumerable.Range(0, 200).Select(i => new ReadOnlyMemory<int>(TestModels.Ids(100, model.Engine.VocabularySize, i))).ToArray();
        var running = model.Engine.EmbedAsync(texts, new EmbeddingOptions { Pooling = EmbeddingPooling.Mean });
        model.Dispose();
        Assert.That(async () => await running, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(async () => await model.Engine.EmbedAsync(texts), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>A request that is cancelled when its step has just ended leaves a cancelled step behind: the next one, which may be of texts.</summary>
    [Test]
    public async Task TextsOfAnAbandonedStepAreComputedAnew()
    {
        using var device = new WatchedDevice();
        using var model = new Encoder("llama.gguf", device: device);
        using var stop = new CancellationTokenSource();
        using var started = new ManualResetEventSlim();
        var mean = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean };
        var expected = await model.EmbedAsync([5, 6, 7], mean);
        Task<EmbeddingResult>? embedding = null;
        device.OnRan = graph =>
        {
            if (embedding is null && graph.Find("logits") is not null)
            {
                embedding = model.EmbedAsync([5, 6, 7], mean);
                started.Wait(TimeSpan.FromSeconds(20));
                stop.Cancel();
            }
        };
        await using var stream = model.Engine.Start(TestModels.Ids(40, model.Engine.VocabularySize, 1), cancellationToken: stop.Token);
        started.Set();
        Assert.That(async () => await stream.ReadPiecesAsync().ToListAsync(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await embedding!.WaitAsync(TimeSpan.FromSeconds(20))).Values.ToArray(), Is.EqualTo(expected.Values.ToArray()));
    }

    [Test]
    public async Task DisposingEndsTheStepOfTextsThatRuns()
    {
        using var device = new WatchedDevice();
        var model = new Encoder("llama.gguf", device: device);
        device.OnRun = cancellation =>
        {
            _ = Task.Run(model.Engine.Dispose, CancellationToken.None);
            cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(20));
        };
        var embedding = model.EmbedAsync([5, 6, 7], new EmbeddingOptions { Pooling = EmbeddingPooling.Mean });
        Assert.That(async () => await embedding.WaitAsync(TimeSpan.FromSeconds(20)), Throws.TypeOf<ObjectDisposedException>());
        await Task.Run(model.Dispose);
    }

    [Test]
    public void GraphsOfEmbeddingsAreWrittenByManyThreads()
    {
        using var file = GgufFile.Open(Fixtures.Path("models", "gemma3.gguf"));
        for (var i = 0; i < 20; i++)
        {
            var definition = ModelDefinition.Create(file);
            var graphs = new Graph[8];
            Parallel.For(0, graphs.Length, new ParallelOptions { MaxDegreeOfParallelism = graphs.Length }, at => graphs[at] = definition.EmbeddingGraph(EmbeddingPooling.Mean));
            Assert.That(graphs.Select(graph => (graph.Operations.Length, graph.Find("embeddings")?.Width)), Is.All.EqualTo((graphs[0].Operations.Length, 48)));
        }
    }

    [Test]
    public void RankingWithoutAHeadIsRefused()
    {
        using var bert = new Encoder("bert.gguf");
        Assert.That(async () => await bert.EmbedAsync([1, 2], new EmbeddingOptions { Pooling = EmbeddingPooling.Rank }), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("cls.output.weight"));
    }

    /// <summary>Class scores of a head of our own making: BERT's, tanh(dense(CLS)) and a projection (paper: Devlin et al. 2018, and the reference's rank pooling).</summary>
    [Test]
    public async Task AHeadsScoresAreItsProjectionsOfTheFirstToken()
    {
        const int Classes = 3;
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "bert-with-head.gguf");
        var random = new Random(1);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
        var (dense, denseBias, output, outputBias) = (Numbers(64 * 64), Numbers(64), Numbers(Classes * 64), Numbers(Classes));
        using (var bert = GgufFile.Open(Fixtures.Path("models", "bert.gguf")))
        {
            var writer = new GgufWriter(bert.Metadata.With("bert.classifier.output_labels", GgufValue.Of(["yes", "no", "perhaps"])));
            foreach (var tensor in bert.Tensors)
            {
                writer.Add(tensor);
            }

            writer.Add(WeightTensor.FromFloats("cls.weight", [64, 64], dense));
            writer.Add(WeightTensor.FromFloats("cls.bias", [64], denseBias));
            writer.Add(WeightTensor.FromFloats("cls.output.weight", [64, Classes], output));
            writer.Add(WeightTensor.FromFloats("cls.output.bias", [Classes], outputBias));
            writer.Write(path);
        }

        using var model = new Encoder(path);
        var ids = Tokens("bert");
        var first = (await model.EmbedAsync(ids, new EmbeddingOptions { Pooling = EmbeddingPooling.Cls })).Values.ToArray();
        var inner = Enumerable.Range(0, 64).Select(i => MathF.Tanh(TensorPrimitives.Dot<float>(dense.AsSpan(i * 64, 64), first) + denseBias[i])).ToArray();
        var expected = Enumerable.Range(0, Classes).Select(i => TensorPrimitives.Dot<float>(output.AsSpan(i * 64, 64), inner) + outputBias[i]).ToArray();
        var scores = await model.EmbedAsync(ids, new EmbeddingOptions { Pooling = EmbeddingPooling.Rank });
        Assert.That(scores.Values.ToArray(), Is.EqualTo(expected).Within(1e-4f));
        Assert.That(scores.Width, Is.EqualTo(Classes));
    }

    /// <summary>
    /// A model whose file declares a rank head of one score, against the scores of llama.cpp's server (Debian's build, <c>llama-server --rerank</c>, <c>POST /v1/rerank</c>, query and documents as here) on
    /// the same file, which looks GELU up in half precision: scores that lie 1.2 apart differ by up to 0.0025. That server writes [CLS] query [SEP] document; the model's kind was trained with a separator behind the document too, which <see cref="LanguageModel.RerankAsync"/> adds.
    /// </summary>
    [Test]
    public async Task DocumentsAreRankedAsTheReferenceRanksThem()
    {
        const string Query = "what does the cat do";
        string[] documents = ["a cat sat on the mat", "dogs bark at night", "", "the cat is young", "a cat sat on the mat", "12 + 30 = 42?", new string('z', 60)];
        float[] reference = [-0.37756178f, -0.12564257f, 0.80842483f, 0.75148726f, -0.37756208f, -0.06198439f, 0.81258309f];
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "bert-reranker.gguf");
        var random = new Random(7);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
        using (var bert = GgufFile.Open(Fixtures.Path("models", "bert.gguf")))
        {
            var writer = new GgufWriter(bert.Metadata.With("bert.pooling_type", GgufValue.Of((uint)EmbeddingPooling.Rank)));
            foreach (var tensor in bert.Tensors)
            {
                writer.Add(tensor);
            }

            writer.Add(WeightTensor.FromFloats("cls.weight", [64, 64], Numbers(64 * 64)));
            writer.Add(WeightTensor.FromFloats("cls.bias", [64], Numbers(64)));
            writer.Add(WeightTensor.FromFloats("cls.output.weight", [64, 1], Numbers(64)));
            writer.Add(WeightTensor.FromFloats("cls.output.bias", [1], Numbers(1)));
            writer.Write(path);
        }

        await using var model = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = Exact });
        Assert.That(model.Definition.DefaultPooling, Is.EqualTo(EmbeddingPooling.Rank));
        var (begin, separator) = (model.Tokenizer.BeginId!.Value, model.Tokenizer.SeparatorId!.Value);
        int[] Ids(string text) => model.Tokenizer.Encode(text, addSpecial: false);
        async Task<float[]> ScoreAsync(IEnumerable<int[]> pairs) => [.. (await model.Engine.EmbedAsync([.. pairs.Select(ids => new ReadOnlyMemory<int>(ids))])).Select(result => result.Values.Span[0])];
        var open = await ScoreAsync(documents.Select(document => (int[])[begin, .. Ids(Query), separator, .. Ids(document)]));
        await TestContext.Out.WriteLineAsync(string.Join(", ", open.Select(score => System.FormattableString.Invariant($"{score:g9}"))));
        Assert.That(open, Is.EqualTo(reference).Within(4e-3f));

        var closed = await ScoreAsync(documents.Select(document => (int[])[begin, .. Ids(Query), separator, .. Ids(document), separator]));
        var ranked = await model.RerankAsync(Query, documents);
        Assert.That(ranked.OrderBy(document => document.Index).Select(document => document.Score), Is.EqualTo(closed), "to the bit");
        Assert.That(ranked.Select(document => document.Score), Is.Ordered.Descending);
        Assert.That(ranked.Select(document => document.Index).Where(index => index is 0 or 4), Is.EqualTo(new[] { 0, 4 }), "equals in their order");

        // beside others the bits are the same
        var together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => model.RerankAsync(i % 2 == 0 ? Query : $"query {i}", documents))));
        foreach (var same in together.Where((_, i) => i % 2 == 0))
        {
            Assert.That(same, Is.EqualTo(ranked));
        }

        Assert.That(await model.RerankAsync("q", []), Is.Empty);
        Assert.That(async () => await model.RerankAsync("q", ["a", null!]), Throws.InstanceOf<ArgumentException>());
        Assert.That(async () => await model.RerankAsync("q", [string.Join(' ', Enumerable.Repeat("a cat", 200))]), Throws.TypeOf<ContextFullException>());
    }

    private static int[] Tokens(string name) => ModelDefinitionTests.Ints(JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement.GetProperty("tokens"));

    /// <summary>An engine over a model's file. Only ids go in, so any tokenizer will do.</summary>
    private sealed class Encoder : IDisposable
    {
        private readonly GgufFile _file;
        private readonly GgufFile _vocabulary;

        public Encoder(string file, EngineOptions? options = null, IDevice? device = null)
        {
            _file = GgufFile.Open(Path.IsPathRooted(file) ? file : Fixtures.Path("models", file));
            _vocabulary = GgufFile.Open(Fixtures.Path("models", "llama.gguf"));
            Engine = new InferenceEngine(ModelDefinition.Create(_file), Tokenizer.FromMetadata(_vocabulary.Metadata), device ?? new ScalarDevice(), options ?? Exact);
        }

        public InferenceEngine Engine { get; }

        public async Task<EmbeddingResult> EmbedAsync(int[] ids, EmbeddingOptions? options = null) => (await Engine.EmbedAsync([ids], options))[0];

        public void Dispose()
        {
            Engine.Dispose();
            _file.Dispose();
            _vocabulary.Dispose();
        }
    }
}
