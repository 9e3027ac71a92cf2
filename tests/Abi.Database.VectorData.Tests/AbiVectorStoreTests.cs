using Abi.Database.Tests.Embeddings;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;
using Names = Microsoft.Extensions.VectorData.DistanceFunction;

namespace Abi.Database.VectorData.Tests;

/// <summary>The store: its collections, what it says of itself, what it refuses.</summary>
public sealed class AbiVectorStoreTests : StoreFixture
{
    [Test]
    public async Task CollectionsAreThoseOfTheDatabase()
    {
        var hotels = Store.GetCollection<string, Hotel>("hotels");
        Assert.That((await hotels.CollectionExistsAsync(), await Store.CollectionExistsAsync("hotels")), Is.EqualTo((false, false)));
        await hotels.EnsureCollectionExistsAsync();
        await hotels.EnsureCollectionExistsAsync();
        Assert.That((await hotels.CollectionExistsAsync(), await Store.CollectionExistsAsync("hotels")), Is.EqualTo((true, true)));
        Assert.That(await Store.ListCollectionNamesAsync().ToListAsync(), Is.EqualTo(["hotels"]));
        Assert.That(await Database.ListCollectionNamesAsync().ToListAsync(), Is.EqualTo(["hotels"]));

        await hotels.UpsertAsync(Hotel.Some);
        var there = await Database.GetDynamicCollection("hotels").GetAsync("a");
        Assert.That(there!["hotel_name"], Is.EqualTo("Sea"), "the name in storage");

        await Store.EnsureCollectionDeletedAsync("hotels");
        await Store.EnsureCollectionDeletedAsync("hotels");
        Assert.That(await hotels.CollectionExistsAsync(), Is.False);
    }

    [Test]
    public async Task DisposingLeavesTheDatabaseOpen()
    {
        Store.Dispose();
        Assert.That(await Database.CollectionExistsAsync("x"), Is.False);
    }

    [Test]
    public void WhatItIsCanBeAsked()
    {
        var hotels = Store.GetCollection<string, Hotel>("hotels");
        var store = (VectorStoreMetadata)Store.GetService(typeof(VectorStoreMetadata))!;
        var collection = (VectorStoreCollectionMetadata)hotels.GetService(typeof(VectorStoreCollectionMetadata))!;
        Assert.That((store.VectorStoreSystemName, store.VectorStoreName), Is.EqualTo(("abi", Database.Path)));
        Assert.That((collection.VectorStoreSystemName, collection.VectorStoreName, collection.CollectionName), Is.EqualTo(("abi", Database.Path, "hotels")));
        Assert.That(Store.GetService(typeof(IVectorDatabase)), Is.SameAs(Database));
        Assert.That(Store.GetService(typeof(VectorStore)), Is.SameAs(Store));
        Assert.That(hotels.GetService(typeof(IKeywordHybridSearchable<Hotel>)), Is.SameAs(hotels));
        Assert.That(hotels.GetService(typeof(IVectorCollection<object, Dictionary<string, object?>>)), Is.Not.Null);
        Assert.That((Store.GetService(typeof(string)), Store.GetService(typeof(VectorStore), "key"), hotels.GetService(typeof(string)), hotels.GetService(typeof(Hotel), "key")), Is.EqualTo(((object?)null, (object?)null, (object?)null, (object?)null)));
    }

    [Test]
    public void FailuresAreThoseOfVectorDataWithTheCauseInside()
    {
        var nowhere = Store.GetCollection<string, Hotel>("nowhere");
        foreach (var (operation, act) in new (string, Func<Task>)[]
        {
            ("Get", () => nowhere.GetAsync("a")),
            ("Get", () => nowhere.GetAsync(["a"]).ToListAsync().AsTask()),
            ("Get", () => nowhere.GetAsync(hotel => hotel.Stars > 1, 3).ToListAsync().AsTask()),
            ("Upsert", () => nowhere.UpsertAsync(Hotel.Some[0])),
            ("Delete", () => nowhere.DeleteAsync("a")),
            ("Search", () => nowhere.SearchAsync(new float[] { 1, 0 }, 1).ToListAsync().AsTask()),
        })
        {
            var error = Assert.ThrowsAsync<VectorStoreException>(() => act());
            Assert.That((error!.VectorStoreSystemName, error.CollectionName, error.OperationName), Is.EqualTo(("abi", "nowhere", operation)));
            Assert.That(error.InnerException, Is.TypeOf<DatabaseException>());
            Assert.That(error.Message, Does.Contain("nowhere"));
        }
    }

    [Test]
    public void ADatabaseHasWhatADefinitionAsksForOrSaysSo()
    {
        Refused<NotSupportedException>("ManhattanDistance", new VectorStoreVectorProperty("V", typeof(ReadOnlyMemory<float>), 2) { DistanceFunction = Names.ManhattanDistance });
        Refused<NotSupportedException>("QuantizedFlat", new VectorStoreVectorProperty("V", typeof(float[]), 2) { IndexKind = Microsoft.Extensions.VectorData.IndexKind.QuantizedFlat });
        Refused<NotSupportedException>("TimeSpan", new VectorStoreDataProperty("D", typeof(TimeSpan)));
        Refused<InvalidOperationException>("'V'", new VectorStoreVectorProperty("V", typeof(double[]), 2));
        Refused<InvalidOperationException>("'V'", new VectorStoreVectorProperty("V", typeof(string), 2)); // no generator
        var key = Assert.Throws<NotSupportedException>(() => Store.GetDynamicCollection("x", new VectorStoreCollectionDefinition { Properties = [new VectorStoreKeyProperty("K", typeof(DateTime))] }));
        Assert.That(key!.Message, Does.Contain("'K'").And.Contain("DateTime"));
        Assert.That(() => Store.GetCollection<int, Hotel>("x"), Throws.InvalidOperationException.With.Message.Contains("Int32"), "another type of keys");
        Assert.That(() => Store.GetCollection<object, Dictionary<string, object?>>("x"), Throws.ArgumentException, "dictionaries by the other method");

        void Refused<TException>(string what, VectorStoreProperty property)
            where TException : Exception
        {
            var error = Assert.Throws<TException>(() => Store.GetDynamicCollection("x", new VectorStoreCollectionDefinition { Properties = [new VectorStoreKeyProperty("K", typeof(string)), property] }));
            Assert.That(error!.Message, Does.Contain(what));
        }
    }

    [Test]
    public async Task WhatVectorDataHasNoWordsForIsAskedForInDefinitions()
    {
        var notes = Store.GetDynamicCollection("notes", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(string)),
                new VectorStoreDataProperty("Title", typeof(string)) { IsFullTextIndexed = true }.WithBoost(3),
                new VectorStoreDataProperty("Text", typeof(string)) { IsFullTextIndexed = true }.WithStemming(Stemming.English).WithBoost(0.5),
                new VectorStoreDataProperty("Rest", typeof(string)) { IsFullTextIndexed = true },
                new VectorStoreVectorProperty("V", typeof(ReadOnlyMemory<float>), 2).WithQuantization().WithGraph(8, 50),
                new VectorStoreVectorProperty("W", typeof(ReadOnlyMemory<float>), 2),
            ],
        });
        await notes.EnsureCollectionExistsAsync();
        var definition = Database.GetDynamicCollection("notes").GetStatistics().Definition;
        Assert.That(definition.Data.Select(field => (field.Stemming, field.Boost)), Is.EqualTo([(Stemming.None, 3.0), (Stemming.English, 0.5), (Stemming.None, 1.0)]));
        Assert.That(definition.Vectors.Select(field => (field.IsQuantized, field.Connections, field.ConstructionEffort)), Is.EqualTo([(true, 8, 50), (false, 16, 200)]));
    }

    /// <summary>What the definition does not name is as the attributes say.</summary>
    [Test]
    public async Task ADefinitionMayNameSomePropertiesOfAClass()
    {
        var hotels = await MakeAsync<string, Hotel>(Store, new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreDataProperty(nameof(Hotel.Description), typeof(string)) { IsFullTextIndexed = true }.WithStemming(Stemming.English)],
        });
        await hotels.UpsertAsync(Hotel.Some);
        var found = await ((IKeywordHybridSearchable<Hotel>)hotels).HybridSearchAsync(new float[] { 1, 0 }, ["housing", "quietly"], 1, new HybridSearchOptions<Hotel> { Filter = hotel => hotel.Stars > 3 }).SingleAsync();
        Assert.That(found.Score, Is.EqualTo(2.0 / 61).Within(1e-12), "found by its stem");
    }

    [Test]
    public void AnnotationsOfOtherTypesAreRefused()
    {
        var text = new VectorStoreDataProperty("Text", typeof(string)) { IsFullTextIndexed = true, ProviderAnnotations = new() { ["Abi:Stemming"] = "English", ["Other:Stemming"] = "Danish" } };
        var definition = new VectorStoreCollectionDefinition { Properties = [new VectorStoreKeyProperty("Id", typeof(string)), text] };
        Assert.That(() => Store.GetDynamicCollection("x", definition), Throws.InvalidOperationException.With.Message.Contains("'Abi:Stemming'").And.Message.Contains("'Text'"));
        text.WithStemming(Stemming.English).WithBoost(-1);
        Assert.That(() => Store.GetDynamicCollection("x", definition).EnsureCollectionExistsAsync(), Throws.ArgumentException.With.Message.Contains("oost"));
    }

    [Test]
    public async Task AnotherDefinitionOfTheSameCollectionIsRefused()
    {
        await MakeAsync<string, Hotel>(Store);
        var other = Store.GetDynamicCollection("things", new VectorStoreCollectionDefinition { Properties = [new VectorStoreKeyProperty("Id", typeof(string)), new VectorStoreDataProperty("Stars", typeof(string))] });
        var error = Assert.ThrowsAsync<VectorStoreException>(() => other.EnsureCollectionExistsAsync());
        Assert.That(error!.Message, Does.Contain("Stars"));
    }

    [Test]
    public async Task AHostInjectsItWithItsGenerator()
    {
        using var folder = new Database.Tests.TemporaryFolder();
        var services = new ServiceCollection();
        using var generator = new LetterGenerator();
        services.AddAbi(abi => abi.AddDatabase(database => database.Path = folder["host.abi"]));
        services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(generator);
        services.AddAbiVectorStore();
        await using var provider = services.BuildServiceProvider();
        var store = provider.GetRequiredService<VectorStore>();
        Assert.That(store, Is.SameAs(provider.GetRequiredService<AbiVectorStore>()));
        var pages = await MakeAsync<Guid, GeneratedEmbeddingTests.Page>(store);
        await pages.UpsertAsync(new GeneratedEmbeddingTests.Page { Text = "abba" });
        Assert.That((await pages.SearchAsync("ab", 1).SingleAsync()).Record.Text, Is.EqualTo("abba"));
    }
}
