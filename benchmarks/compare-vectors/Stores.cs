using System.Diagnostics;
using Abi.Database;
using Abi.Database.Postgres;

namespace Abi.CompareVectors;

/// <summary>The same program over the embedded database and over PostgreSQL: records in, keys and scores out, through the interface that both have. What is loaded stays and is found again.</summary>
internal static class Stores
{
    private static readonly int[] Efforts = [32, 40, 48, 64, 80, 96, 128, 200];

    public static async Task RunAsync(string connection, string fixtures, string scratch)
    {
        var set = VectorSet.Words(fixtures, isCosine: true);
        Console.WriteLine($"{set.Name}: {set.Rows} × {set.Dimensions}");
        await using var embedded = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = Path.Combine(scratch, "embedded"), ScanThreads = 1 });
        await using var postgres = PostgresDatabase.Open(new PostgresOptions { ConnectionString = connection, Schema = "abi_compare" });
        (string Name, IVectorCollection<long, Own.Row> Rows)[] stores = [("embedded", await LoadAsync("embedded", embedded, set)), ("PostgreSQL", await LoadAsync("PostgreSQL", postgres, set))];
        await embedded.WaitForIndexAsync();
        Dictionary<(string, int), (double Recall, List<double> Rates)> figures = [];
        for (var round = 0; round < 3; round++)
        {
            foreach (var (name, rows) in stores)
            {
                foreach (var effort in Efforts)
                {
                    var (rate, recall) = await SearchAsync(rows, set, new VectorSearchOptions { Effort = effort });
                    (figures.TryGetValue((name, effort), out var known) ? known.Rates : (figures[(name, effort)] = (recall, [])).Rates).Add(rate);
                }
            }
        }

        foreach (var ((name, effort), (recall, rates)) in figures)
        {
            Console.WriteLine($"{name,10}, ef {effort,3}: recall {recall:f4}, {rates.Order().ElementAt(1):f0} queries/s, median of three ({string.Join(", ", rates.Select(rate => $"{rate:f0}"))})");
        }
    }

    private static async Task<IVectorCollection<long, Own.Row>> LoadAsync(string name, IVectorDatabase database, VectorSet set)
    {
        var rows = database.GetCollection<long, Own.Row>("rows", new CollectionDefinition { Key = KeyKind.Integer, KeyName = "Id", Vectors = [new VectorField("Vector", set.Dimensions) { IndexKind = IndexKind.Hnsw }] });
        await rows.EnsureCollectionExistsAsync();
        if (await rows.CountAsync() != set.Rows)
        {
            var watch = Stopwatch.StartNew();
            foreach (var chunk in Enumerable.Range(0, set.Rows).Chunk(1000))
            {
                await rows.UpsertAsync(chunk.Select(row => new Own.Row { Id = row, Vector = set.Base.AsMemory(row * set.Dimensions, set.Dimensions) }));
            }

            if (database is VectorDatabase embedded)
            {
                await embedded.WaitForIndexAsync();
            }

            Console.WriteLine($"{name}: loaded and indexed in {watch.Elapsed.TotalSeconds:f1} s");
        }

        return rows;
    }

    private static async Task<(double Rate, double Recall)> SearchAsync(IVectorCollection<long, Own.Row> rows, VectorSet set, VectorSearchOptions options)
    {
        var hits = 0;
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < set.QueryCount; i++)
        {
            await foreach (var found in rows.SearchAsync(set.Queries.AsMemory(i * set.Dimensions, set.Dimensions), 10, options))
            {
                hits += set.Truth.AsSpan(i * set.TruthColumns, 10).Contains((int)found.Record.Id) ? 1 : 0;
            }
        }

        return (set.QueryCount / watch.Elapsed.TotalSeconds, hits / (10.0 * set.QueryCount));
    }
}
