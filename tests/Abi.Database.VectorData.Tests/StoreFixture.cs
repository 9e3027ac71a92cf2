using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Tests;

/// <summary>A database of its own for every test, and the store over it.</summary>
public abstract class StoreFixture
{
    private DirectoryInfo _folder = null!;

    private protected VectorDatabase Database { get; private set; } = null!;

    private protected AbiVectorStore Store { get; private set; } = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        _folder = Directory.CreateTempSubdirectory("abi-store-");
        Database = await VectorDatabase.OpenAsync(Path.Combine(_folder.FullName, "store.abi"));
        Store = Database.AsVectorStore();
    }

    [TearDown]
    public void Close()
    {
        Store.Dispose();
        Database.Dispose();
        _folder.Delete(recursive: true);
    }

    private protected VectorStore StoreWith(IEmbeddingGenerator generator) => Database.AsVectorStore(new AbiVectorStoreOptions { EmbeddingGenerator = generator });

    private protected static async Task<VectorStoreCollection<TKey, TRecord>> MakeAsync<TKey, TRecord>(VectorStore store, VectorStoreCollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class
    {
        var collection = store.GetCollection<TKey, TRecord>("things", definition);
        await collection.EnsureCollectionExistsAsync();
        return collection;
    }
}
