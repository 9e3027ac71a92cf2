using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Who makes a commit.</summary>
public sealed class CommitTests
{
    /// <summary>Beside searches a thread makes them that gives way; otherwise, and with the option off, whoever writes.</summary>
    [Test]
    public async Task BesideSearchesWritersDoNotCommit([Values] bool isSearched, [Values] bool prioritize)
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        options.PrioritizeSearches = prioritize;
        var engine = new DatabaseEngine(disk, options);
        await using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        List<string?> writers = [];
        disk.Fails = (_, what) =>
        {
            if (what == "write")
            {
                writers.Add(Thread.CurrentThread.Name);
            }

            return false;
        };
        var own = new Thread(() =>
        {
            if (isSearched)
            {
                engine.NoteSearch();
            }

            collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = "a", ["n"] = 1L }).GetAwaiter().GetResult();
        })
        { Name = "writer" };
        own.Start();
        own.Join();
        Assert.That(writers, Is.Not.Empty.And.All.EqualTo(isSearched && prioritize ? "Abi.Database commits" : "writer"));
    }
}
