using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Models;
using Abi.Models.Stories;
using Abi.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Abi.Database.Tests.Embeddings;

/// <summary>Texts become vectors on upsert and on search.</summary>
[Parallelizable]
public sealed class EmbeddingTests
{
    [Test]
    public async Task TextsAreEmbeddedOnUpsertAndOnSearch()
    {
        using var folder = new TemporaryFolder();
        using var generator = new LetterGenerator();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator));
        var notes = database.GetCollection<string, Note>("notes");
        await notes.EnsureCollectionExistsAsync();
        await notes.UpsertAsync([new Note { Id = "a", Text = "abba" }, new Note { Id = "z", Text = "jazz" }, new Note { Id = "none" }, new Note { Id = "blank", Text = " " }]);
        Assert.That((await notes.GetAsync("a"))!.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("abba")));
        Assert.That((await notes.GetAsync("none"))!.Vector.IsEmpty);
        Assert.That((await notes.GetAsync("blank"))!.Vector.IsEmpty);
        Assert.That(await Keys(notes.SearchAsync("pizzazz", 5)), Is.EqualTo(new[] { "z", "a" }));
        Assert.That(await Keys(notes.SearchAsync(new Embedding<float>(LetterGenerator.VectorOf("bab")), 1)), Is.EqualTo(new[] { "a" }));
        Assert.That(await Keys(notes.SearchAsync(LetterGenerator.VectorOf("bab"), 1)), Is.EqualTo(new[] { "a" }));
        List<string> hybrid = [];
        await foreach (var found in notes.HybridSearchAsync("jazz", 5))
        {
            hybrid.Add($"{found.Record.Id} {found.VectorScore is not null} {found.TextScore is not null}");
        }

        Assert.That(hybrid, Is.EqualTo(new[] { "z True True", "a True False" }));
    }

    [Test]
    public async Task AGivenVectorIsKeptAndAnOutdatedOneIsMadeAnew()
    {
        using var folder = new TemporaryFolder();
        using var generator = new LetterGenerator();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator));
        var notes = database.GetCollection<string, Note>("notes");
        await notes.EnsureCollectionExistsAsync();
        var mine = LetterGenerator.VectorOf("zzz");
        await notes.UpsertAsync(new Note { Id = "a", Text = "abba", Vector = mine });
        Assert.That(generator.Calls, Is.Empty);
        var note = (await notes.GetAsync("a"))!;
        note.Topic = "music";
        await notes.UpsertAsync(note);
        Assert.That(generator.Calls, Is.Empty, "the text is the same");
        note = (await notes.GetAsync("a"))!;
        Assert.That(note.Vector.ToArray(), Is.EqualTo(mine));
        note.Text = "queen";
        await notes.UpsertAsync(note);
        note = (await notes.GetAsync("a"))!;
        Assert.That(note.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("queen")));
        note.Text = "abba again";
        note.Vector = mine;
        await notes.UpsertAsync(note);
        Assert.That((await notes.GetAsync("a"))!.Vector.ToArray(), Is.EqualTo(mine), "another vector was given with the new text");
        note.Text = null;
        await notes.UpsertAsync(note);
        Assert.That((await notes.GetAsync("a"))!.Vector.IsEmpty, "no text is left to make a vector of");
    }

    [Test]
    public async Task BatchesHoldEachTextOnceAndCarryPrefixesAndOptions()
    {
        using var folder = new TemporaryFolder();
        using var generator = new LetterGenerator();
        var generation = new EmbeddingGenerationOptions { ModelId = "letters" };
        var options = new TextEmbeddingOptions { BatchSize = 3, DocumentPrefix = "passage: ", QueryPrefix = "query: ", Generation = generation };
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator, options));
        var notes = database.GetCollection<string, Note>("notes");
        await notes.EnsureCollectionExistsAsync();
        await notes.UpsertAsync(Enumerable.Range(0, 14).Select(i => new Note { Id = $"{i}", Text = new string((char)('a' + (i % 7)), 2) }));
        await Keys(notes.SearchAsync("bb", 1));
        Assert.That(generator.Calls.ConvertAll(call => string.Join('|', call)), Is.EqualTo(new[] { "passage: aa|passage: bb|passage: cc", "passage: dd|passage: ee|passage: ff", "passage: gg", "query: bb" }));
        Assert.That(generator.Options, Is.All.SameAs(generation));
        Assert.That((await notes.GetAsync("8"))!.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("passage: bb")));
    }

    [Test]
    public async Task WhatIsWrongIsSaidAndNothingIsWritten()
    {
        using var folder = new TemporaryFolder();
        await using (var database = await VectorDatabase.OpenAsync(folder["db"]))
        {
            var notes = database.GetCollection<string, Note>("notes");
            await notes.EnsureCollectionExistsAsync();
            await notes.UpsertAsync(new Note { Id = "a", Text = "given", Vector = LetterGenerator.VectorOf("given") });
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("no embedding generator").And.Message.Contains("'Vector'"));
            Assert.That(async () => await Keys(notes.SearchAsync("text", 1)), Throws.TypeOf<DatabaseException>().With.Message.Contains("no embedding generator"));
            Assert.That(await notes.CountAsync(), Is.EqualTo(1));
        }

        using var short20 = new LetterGenerator(20);
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(short20)))
        {
            var notes = database.GetCollection<string, Note>("notes");
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("20 dimensions").And.Message.Contains("has 26").And.Message.Contains("'letters'"));
            Assert.That(async () => await Keys(notes.SearchAsync("text", 1)), Throws.TypeOf<DatabaseException>().With.Message.Contains("20 dimensions"));
        }

        using var strange = new LetterGenerator();
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(strange)))
        {
            var notes = database.GetCollection<string, Note>("notes");
            strange.Change = embeddings => embeddings.Skip(1);
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("0 vectors for 1 texts"));
            strange.Change = embeddings => embeddings.Select(_ => (Embedding<float>)null!);
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("'letters' gave no vector"));
            strange.Change = embeddings => embeddings.Select(_ => new Embedding<float>(new float[26]));
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("no usable vector of 'text'"));
            strange.Change = _ => throw new InvalidOperationException("the model is gone");
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }), Throws.InvalidOperationException);
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "b", Text = "text" }, new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(async () => await Keys(notes.SearchAsync(" ", 1)), Throws.ArgumentException);
            Assert.That(await notes.CountAsync(), Is.EqualTo(1));
        }
    }

    /// <summary>The vector that was made of the text for the old field is not searched for in the new one.</summary>
    [TestCase(20)]
    [TestCase(30)]
    public async Task ACollectionThatIsMadeAnewWhileATextIsEmbeddedIsNotSearched(int dimensions)
    {
        using var folder = new TemporaryFolder();
        using var generator = new LetterGenerator();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("body", DataKind.Text) { IsFullTextIndexed = true }], Vectors = [new VectorField("v", 26)] });
        foreach (var search in (Func<IAsyncEnumerable<object>>[])[() => collection.SearchAsync("text", 1), () => collection.HybridSearchAsync("text", 1)])
        {
            await database.EnsureCollectionDeletedAsync("c");
            await collection.EnsureCollectionExistsAsync();
            generator.Change = embeddings =>
            {
                database.EnsureCollectionDeletedAsync("c").GetAwaiter().GetResult();
                var anew = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("body", DataKind.Text) { IsFullTextIndexed = true }], Vectors = [new VectorField("v", dimensions)] });
                anew.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
                anew.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "k", ["v"] = LetterGenerator.VectorOf("text", dimensions) }).GetAwaiter().GetResult();
                return embeddings;
            };
            Assert.That(
                async () =>
                {
                    await foreach (var found in search())
                    {
                        Assert.Fail($"found {found}");
                    }
                },
                Throws.TypeOf<DatabaseException>().With.Message.Contains("made anew"));
        }
    }

    [Test]
    public async Task TheSourceIsPartOfTheDefinition()
    {
        using var folder = new TemporaryFolder();
        var definition = new CollectionDefinition { Data = [new DataField("body", DataKind.Text)], Vectors = [new VectorField("v", 26) { SourceField = "body", Element = VectorElement.Float16 }] };
        using var generator = new LetterGenerator();
        for (var round = 0; round < 2; round++)
        {
            await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator));
            var things = database.GetDynamicCollection("things", round == 0 ? definition : null);
            if (round == 0)
            {
                await things.EnsureCollectionExistsAsync();
                await database.CheckpointAsync();
            }

            await things.UpsertAsync(new Dictionary<string, object?> { ["Key"] = $"k{round}", ["body"] = "kayak" });
            Assert.That(things.GetStatistics().Definition, Is.EqualTo(definition));
            Assert.That(((ReadOnlyMemory<Half>)(await things.GetAsync($"k{round}"))!["v"]!).Length, Is.EqualTo(26));
        }

        await using var other = await VectorDatabase.OpenAsync(folder["other"]);
        Assert.That(async () => await other.GetDynamicCollection("c", definition with { Data = [] }).EnsureCollectionExistsAsync(), Throws.ArgumentException.With.Message.Contains("no text field"));
        Assert.That(async () => await other.GetDynamicCollection("c", definition with { Vectors = [new VectorField("v", 26) { SourceField = "body", Element = VectorElement.Int8 }] }).EnsureCollectionExistsAsync(), Throws.ArgumentException.With.Message.Contains("Float16"));
    }

    [Test]
    public async Task TheFeatureTakesTheModelOfTheContainer()
    {
        using var folder = new TemporaryFolder();
        await using var abi = await AbiBuilder.Create()
            .AddDatabase(db => db.Path = folder["db"]).WithEmbeddings()
            .AddLlm(llm =>
            {
                llm.Model = "stories";
                llm.Embeddings = llm.Embeddings with { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true } };
            })
            .BuildAsync();
        var stories = abi.Database.GetCollection<int, Story>("stories");
        await stories.EnsureCollectionExistsAsync();
        string[] texts = ["The dog ran after the ball in the park.", "Mom baked a sweet cake with sugar.", "A puppy played with a toy in the garden."];
        await stories.UpsertAsync(texts.Select((text, i) => new Story { Id = i, Text = text }));
        var alone = await abi.Llm.EmbedAsync(texts[1], new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true });
        Assert.That((await stories.GetAsync(1))!.Vector.ToArray(), Is.EqualTo(alone.Values.ToArray()), "the same bits as without the database");
        List<int> found = [];
        await foreach (var result in stories.SearchAsync("They ate cookies and milk.", 1))
        {
            found.Add(result.Record.Id);
        }

        Assert.That(found, Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public async Task AnEncoderOfAFileEmbeds()
    {
        using var folder = new TemporaryFolder();
        await using var model = await LanguageModel.LoadAsync(Fixtures.Path("models", "bert.gguf"));
        using var generator = model.AsEmbeddingGenerator(new AbiEmbeddingGeneratorOptions { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean } });
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }.WithEmbeddings(generator));
        var width = model.Definition.Hyperparameters.EmbeddingLength;
        var things = database.GetDynamicCollection("things", new CollectionDefinition { Data = [new DataField("body", DataKind.Text)], Vectors = [new VectorField("v", width) { SourceField = "body" }] });
        await things.EnsureCollectionExistsAsync();
        await things.UpsertAsync(Enumerable.Range(0, 5).Select(i => new Dictionary<string, object?> { ["Key"] = $"{i}", ["body"] = string.Concat(Enumerable.Repeat($"text {i} ", i + 1)) }));
        await foreach (var result in things.SearchAsync("text 3 text 3 text 3 text 3 ", 1))
        {
            Assert.That((result.Record["Key"], result.Score), Is.EqualTo((object)("3", 1.0)).Using<(object?, double), (string, double)>((a, b) => Equals(a.Item1, b.Item1) && Math.Abs(a.Item2 - b.Item2) < 1e-5));
        }
    }

    [Test]
    public async Task WithoutAGeneratorInTheContainerTheErrorNamesTheRemedy()
    {
        using var folder = new TemporaryFolder();
        await using (var abi = await AbiBuilder.Create().AddDatabase(db => db.Path = folder["db"]).WithEmbeddings().BuildAsync())
        {
            var notes = abi.Database.GetCollection<string, Note>("notes");
            await notes.EnsureCollectionExistsAsync();
            Assert.That(async () => await notes.UpsertAsync(new Note { Id = "a", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("AddLlm"));
        }

        // The last choice counts, and a generator of the services is found whenever it was registered.
        using var wrong = new LetterGenerator(3);
        using var right = new LetterGenerator();
        var builder = AbiBuilder.Create().WithEmbeddings(wrong).WithEmbeddings(services => services.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("letters")).AddDatabase(db => db.Path = folder["db"]);
        builder.Services.AddKeyedSingleton<IEmbeddingGenerator<string, Embedding<float>>>("letters", right);
        await using (var abi = await builder.BuildAsync())
        {
            await abi.Database.GetCollection<string, Note>("notes").UpsertAsync(new Note { Id = "a", Text = "text" });
        }

        Assert.That((wrong.Calls.Count, right.Calls.Count), Is.EqualTo((0, 1)));
    }

    private static async Task<List<string>> Keys(IAsyncEnumerable<VectorSearchResult<Note>> results)
    {
        List<string> keys = [];
        await foreach (var result in results)
        {
            keys.Add(result.Record.Id);
        }

        return keys;
    }

    private sealed class Note
    {
        [RecordKey]
        public string Id { get; set; } = "";

        [RecordData(Name = "body", IsFullTextIndexed = true)]
        public string? Text { get; set; }

        [RecordData]
        public string? Topic { get; set; }

        [RecordVector(26, SourceField = nameof(Text))]
        public ReadOnlyMemory<float> Vector { get; set; }
    }

    private sealed class Story
    {
        [RecordKey]
        public int Id { get; set; }

        [RecordData]
        public string Text { get; set; } = "";

        [RecordVector(256, SourceField = nameof(Text))]
        public ReadOnlyMemory<float> Vector { get; set; }
    }
}
