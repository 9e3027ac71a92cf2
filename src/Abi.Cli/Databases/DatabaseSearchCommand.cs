using System.Collections.Immutable;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Searches a collection by a vector, by words, or by both.</summary>
internal sealed class DatabaseSearchCommand : DatabaseCommand
{
    private static readonly Option<string?> Query = Options.Text("-q --query", "TEXT", "search by meaning: the model of -m makes a vector of the text");
    private static readonly Option<float[]?> Vector = new(["--vector"], "N,N,…", "search by this vector", null, text => [.. text.Trim('[', ']', ' ').Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Select(Options.ReadNumber)]);
    private static readonly Option<string?> Like = Options.Text("--like", "KEY", "search by the vector of this record");
    private static readonly Option<string?> Text = Options.Text("--text", "TEXT", "search by words, best first by BM25; beside one of the others, by both");
    private static readonly Option<bool> Highlight = Options.Switch("--highlight", "show the words that were found where they stand");
    private static readonly Option<int> Top = Options.Integer("-k --top", "how many records", 10, minimum: 1);
    private static readonly Option<int?> Effort = Options.OptionalInteger("--ef", "candidates that the walk over the graph keeps", "as the collection has it", minimum: 1);
    private static readonly Option<float?> Recall = new(["--recall"], "N", "the share of the true nearest to find, 0.5 to 0.999; measures the effort it takes", null, text => Options.ReadNumber(text));
    private static readonly Option<bool> Exact = Options.Switch("--exact", "compare every vector");
    private static readonly Option<bool> WithVectors = Options.Switch("--vectors", "print records with their vectors");

    /// <inheritdoc/>
    public override string Name => "search";

    /// <inheritdoc/>
    public override string Summary => "Find records by meaning, by a vector, by words, or by both.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, DatabaseArguments.Collection];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [Query, Vector, Like, Text, Top, DatabaseArguments.Filter, DatabaseArguments.VectorField, Effort, Recall, Exact, WithVectors, Highlight, ModelOptions.Json]),
        new("embedding", EmbeddingModel.All),
    ];

    /// <inheritdoc/>
    public override string Remarks => $"""
        --text finds any of its words; "words in quotes" stand so, begin* is how a word begins, +must be there, -must not, field:word looks into one field, word^2 counts twice.
        {DatabaseArguments.FilterRemarks}
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (new Option[] { Query, Vector, Like }.Count(arguments.Has) is var given && (given > 1 || (given == 0 && !arguments.Has(Text))))
        {
            throw new UsageException("Say what to search for by one of --query, --vector and --like, or by --text, or by both.");
        }

        RequireUse(arguments);
        var model = arguments.Has(Query) ? await EmbeddingModel.OpenAsync(arguments, cancellationToken).ConfigureAwait(false) ?? throw new UsageException("'--query' needs '--model', which makes a vector of it; '--text' searches for words.") : null;
        await using var unload = ((IAsyncDisposable?)model ?? Stream.Null).ConfigureAwait(false);
        var database = await ReadAsync(arguments, model, cancellationToken).ConfigureAwait(false);
        await using var close = database.ConfigureAwait(false);
        var (collection, definition) = await CollectionAsync(database, arguments.Get(DatabaseArguments.Collection), cancellationToken).ConfigureAwait(false);
        var hits = await SearchAsync(arguments, collection, definition, cancellationToken).ConfigureAwait(false);
        if (arguments.Get(ModelOptions.Json))
        {
            WriteJson(console, definition, hits, arguments.Get(WithVectors));
            return ExitCode.Success;
        }

        foreach (var (record, score, vectorScore, textScore, highlights) in hits)
        {
            var parts = vectorScore is null && textScore is null ? "" : string.Create(CultureInfo.InvariantCulture, $" ({(vectorScore is { } v ? $"vector {v:F4}" : "no vector")}, {(textScore is { } t ? $"words {t:F4}" : "no words")})");
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{score:F4}{parts} {RecordJson.Format(record, definition, arguments.Get(WithVectors))}"));
            foreach (var found in highlights)
            {
                console.Out.WriteLine($"  {found.Field}: {found.Mark("[", "]").ReplaceLineEndings(" ")}");
            }
        }

        return ExitCode.Success;
    }

    /// <summary>Refuses options that would say nothing about this search.</summary>
    private static void RequireUse(ParsedArguments arguments)
    {
        var (byVector, byText) = (arguments.Has(Query) || arguments.Has(Vector) || arguments.Has(Like), arguments.Has(Text));
        Refuse(!arguments.Has(Query), $"makes a vector of '{Query.Name}', which is missing", [.. EmbeddingModel.Own]);
        Refuse(!byVector, "is about vectors; this is a search by words", DatabaseArguments.VectorField);
        Refuse(!byVector || byText, "is for a search by a vector alone", Effort, Recall, Exact);
        Refuse(!byText, $"shows words that '{Text.Name}' finds, which is missing", Highlight);

        void Refuse(bool isUseless, string why, params Option[] options)
        {
            if (isUseless && Array.Find(options, arguments.Has) is { } option)
            {
                throw new UsageException($"'{option.Name}' {why}.");
            }
        }
    }

    private static async Task<List<SearchHit>> SearchAsync(
        ParsedArguments arguments, VectorCollection<object, Dictionary<string, object?>> collection, CollectionDefinition definition, CancellationToken cancellationToken)
    {
        var filter = FilterParser.Parse(arguments.Get(DatabaseArguments.Filter), definition);
        var (top, field, includeVectors) = (arguments.Get(Top), arguments.Get(DatabaseArguments.VectorField), arguments.Get(WithVectors));
        var highlight = arguments.Get(Highlight) ? new HighlightOptions() : null;
        var target = arguments.Get(Query) ?? (object?)arguments.Get(Vector) ?? await VectorOfAsync(arguments, collection, definition, field, cancellationToken).ConfigureAwait(false);
        List<SearchHit> hits = [];
        switch (target, arguments.Get(Text))
        {
            case (null, var text):
                await foreach (var hit in collection.SearchTextAsync(TextQuery.Parse(text!), top, new TextSearchOptions { Filter = filter, IncludeVectors = includeVectors, Highlight = highlight }, cancellationToken).ConfigureAwait(false))
                {
                    hits.Add(new SearchHit(hit.Record, hit.Score, null, null, hit.Highlights));
                }

                break;
            case (var vector, null):
                var options = new VectorSearchOptions { Filter = filter, IncludeVectors = includeVectors, VectorField = field, Effort = arguments.Get(Effort), Recall = arguments.Get(Recall), IsExact = arguments.Get(Exact) };
                await foreach (var hit in collection.SearchAsync(vector, top, options, cancellationToken).ConfigureAwait(false))
                {
                    hits.Add(new SearchHit(hit.Record, hit.Score, null, null, []));
                }

                break;
            case (var vector, var text):
                await foreach (var hit in collection.HybridSearchAsync(vector, TextQuery.Parse(text), top, new HybridSearchOptions { Filter = filter, IncludeVectors = includeVectors, VectorField = field, Highlight = highlight }, cancellationToken).ConfigureAwait(false))
                {
                    hits.Add(new SearchHit(hit.Record, hit.Score, hit.VectorScore, hit.TextScore, hit.Highlights));
                }

                break;
        }

        return hits;
    }

    private static async Task<object?> VectorOfAsync(
        ParsedArguments arguments, VectorCollection<object, Dictionary<string, object?>> collection, CollectionDefinition definition, string? field, CancellationToken cancellationToken)
    {
        if (arguments.Get(Like) is not { } key)
        {
            return null;
        }

        var record = await collection.GetAsync(ParseKey(key, definition), cancellationToken: cancellationToken).ConfigureAwait(false) ?? throw new AbiException($"The collection '{collection.Name}' has no record with the key '{key}'.");
        var name = field ?? (definition.Vectors.Length == 1 ? definition.Vectors[0].Name : throw new UsageException($"The collection has {definition.Vectors.Length} vector fields; name one with '--vector-field'."));
        return record.GetValueOrDefault(name) ?? throw new AbiException($"The record '{key}' has no vector '{name}'.");
    }

    private static void WriteJson(CliConsole console, CollectionDefinition definition, List<SearchHit> hits, bool includeVectors)
    {
        console.Out.Flush();
        using (var writer = new Utf8JsonWriter(console.Output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("results");
            foreach (var (record, score, vectorScore, textScore, highlights) in hits)
            {
                writer.WriteStartObject();
                WriteScore(writer, "score", score);
                if (vectorScore is { } byVector)
                {
                    WriteScore(writer, "vector_score", byVector);
                }

                if (textScore is { } byText)
                {
                    WriteScore(writer, "text_score", byText);
                }

                foreach (var field in highlights.GroupBy(found => found.Field, StringComparer.Ordinal))
                {
                    if (field.Key == highlights[0].Field)
                    {
                        writer.WriteStartObject("highlights");
                    }

                    writer.WriteStartArray(field.Key);
                    foreach (var found in field)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("snippet", found.Snippet);
                        writer.WriteNumber("start", found.Start);
                        writer.WriteStartArray("ranges");
                        foreach (var range in found.Ranges)
                        {
                            writer.WriteStartArray();
                            writer.WriteNumberValue(range.Start);
                            writer.WriteNumberValue(range.Length);
                            writer.WriteEndArray();
                        }

                        writer.WriteEndArray();
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                }

                if (!highlights.IsEmpty)
                {
                    writer.WriteEndObject();
                }

                writer.WritePropertyName("record");
                RecordJson.Write(writer, record, definition, includeVectors);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        console.Output.WriteByte((byte)'\n');
    }

    // The distance of vectors that are long enough is no number of JSON; it is written as records write such numbers.
    private static void WriteScore(Utf8JsonWriter writer, string name, double score)
    {
        if (double.IsFinite(score))
        {
            writer.WriteNumber(name, score);
        }
        else
        {
            writer.WriteString(name, score.ToString(CultureInfo.InvariantCulture));
        }
    }
}
