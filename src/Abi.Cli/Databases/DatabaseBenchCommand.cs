using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Measures how fast and how completely a collection is searched by vectors.</summary>
internal sealed class DatabaseBenchCommand : DatabaseCommand
{
    private static readonly Option<string?> QueryFile = Options.File("--queries", "a .npy or .fvecs file of vectors to search for");
    private static readonly Option<int> Count = Options.Integer("-n --n-queries", "how many; without a file, vectors of the collection, drawn at random", 1000, minimum: 1);
    private static readonly Option<int> Seed = Options.Integer("--seed", "draws the same ones again", 1);
    private static readonly Option<int> Top = Options.Integer("-k --top", "neighbours asked for", 10, minimum: 1);
    private static readonly Option<ImmutableArray<int>> Efforts = Options.Integers("--ef", "N[,N]", "efforts to measure", [16, 32, 64, 128, 256], minimum: 1);

    /// <inheritdoc/>
    public override string Name => "bench";

    /// <inheritdoc/>
    public override string Summary => "Measure queries a second and recall, against exact search on the same machine.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [QueryFile, Count, Seed, Top, Efforts, DatabaseArguments.Filter, DatabaseArguments.VectorField, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => $"""
        Queries run one after another, each once to warm up and once timed. Recall is the share of the keys that exact search gives. A vector drawn from the collection finds itself first.
        {DatabaseArguments.FilterRemarks}
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var database = await ReadAsync(arguments, null, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var name = arguments.Get(DatabaseArguments.VectorField) ?? (definition.Vectors.Length == 1 ? definition.Vectors[0].Name : throw new UsageException($"The collection has {definition.Vectors.Length} vector fields; name one with '--vector-field'."));
        var field = definition.Vectors.FirstOrDefault(vector => vector.Name == name) ?? throw new UsageException($"The collection has no vector field '{name}'; it has {string.Join(", ", definition.Vectors.Select(vector => vector.Name))}.");
        if (field.Element is VectorElement.Int8 or VectorElement.Binary)
        {
            throw new AbiException($"The vectors of '{name}' are {field.Element}; bench measures fields of floats.");
        }

        var queries = arguments.Get(QueryFile) is { } file ? ReadQueries(file, field, arguments.Get(Count)) : await DrawAsync(collection, name, arguments, cancellationToken).ConfigureAwait(false);
        if (queries.Count == 0)
        {
            throw new AbiException("There are no vectors to search for.");
        }

        var options = new VectorSearchOptions { VectorField = name, Filter = FilterParser.Parse(arguments.Get(DatabaseArguments.Filter), definition) };
        var top = arguments.Get(Top);
        List<DatabaseBenchRow> rows = [];
        var (exact, truth) = Measure(collection, queries, top, options with { IsExact = true }, "exact", null, cancellationToken);
        rows.Add(exact);
        var isGraph = collection.GetStatistics().Vectors.First(vector => vector.Name == name).IndexKind != IndexKind.Flat;
        foreach (var effort in isGraph ? arguments.Get(Efforts) : [])
        {
            rows.Add(Measure(collection, queries, top, options with { Effort = effort }, $"ef {effort}", truth, cancellationToken).Row);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, [.. rows], CliJson.Results.DatabaseBenchRowArray);
            return ExitCode.Success;
        }

        console.Out.WriteLine("| search | queries | recall | queries/s | mean µs | p99 µs |");
        console.Out.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: |");
        foreach (var row in rows)
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Search} | {row.Queries} | {row.Recall:F4} | {row.QueriesPerSecond:F0} | {row.MeanMicroseconds:F1} | {row.P99Microseconds:F1} |"));
        }

        if (!isGraph)
        {
            console.Error.WriteLine($"The field '{name}' has no graph: every search is exact.");
        }

        return ExitCode.Success;
    }

    private static (DatabaseBenchRow Row, List<HashSet<object>> Found) Measure(
        VectorCollection<object, Dictionary<string, object?>> collection, List<float[]> queries, int top, VectorSearchOptions options, string name, List<HashSet<object>>? truth, CancellationToken cancellationToken)
    {
        foreach (var query in queries)
        {
            cancellationToken.ThrowIfCancellationRequested();
            collection.SearchKeys(query, top, options);
        }

        List<HashSet<object>> found = [];
        var times = new double[queries.Count]; // microseconds
        for (var i = 0; i < times.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            var matches = collection.SearchKeys(queries[i], top, options);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            found.Add([.. matches.Select(match => match.Key)]);
        }

        var (right, wanted) = (0L, 0L);
        for (var i = 0; truth is not null && i < found.Count; i++)
        {
            right += found[i].Count(truth[i].Contains);
            wanted += truth[i].Count;
        }

        var mean = times.Average();
        Array.Sort(times);
        return (new DatabaseBenchRow(name, times.Length, top, truth is null || wanted == 0 ? 1 : (double)right / wanted, 1e6 / mean, mean, times[(int)Math.Ceiling(0.99 * times.Length) - 1]), found);
    }

    private static List<float[]> ReadQueries(string file, VectorField field, int count)
    {
        using var reader = VectorFileReader.Open(file);
        if (reader.Dimensions != field.Dimensions)
        {
            throw new AbiException($"The vectors of '{file}' have {reader.Dimensions} elements; the field '{field.Name}' has {field.Dimensions}.");
        }

        List<float[]> queries = [];
        var vector = new float[reader.Dimensions];
        while (queries.Count < count && reader.Read(vector))
        {
            queries.Add([.. vector]);
        }

        return queries;
    }

    // A sample of fixed size in one pass (Vitter's algorithm R, 1985).
    private static async Task<List<float[]>> DrawAsync(VectorCollection<object, Dictionary<string, object?>> collection, string name, ParsedArguments arguments, CancellationToken cancellationToken)
    {
        var random = new Random(arguments.Get(Seed));
        var (count, seen) = (arguments.Get(Count), 0);
        List<float[]> drawn = [];
        await foreach (var record in collection.ListAsync(cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            var vector = record[name] switch { ReadOnlyMemory<float> floats => floats.ToArray(), ReadOnlyMemory<Half> halves => Array.ConvertAll(halves.ToArray(), x => (float)x), _ => null };
            if (vector is null)
            {
                continue;
            }

            seen++;
            if (drawn.Count < count)
            {
                drawn.Add(vector);
            }
            else if (random.Next(seen) is var place && place < count)
            {
                drawn[place] = vector;
            }
        }

        return drawn;
    }
}
