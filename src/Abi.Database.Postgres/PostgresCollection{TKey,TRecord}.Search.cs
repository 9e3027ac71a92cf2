#pragma warning disable MA0048 // a part of PostgresCollection<TKey, TRecord>
using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Abi.Database.Postgres.Queries;
using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;
using NpgsqlTypes;

namespace Abi.Database.Postgres;

/// <content>Searching.</content>
internal sealed partial class PostgresCollection<TKey, TRecord>
{
    public async IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TVector>(TVector vector, int top, VectorSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TVector : notnull
    {
        options ??= new VectorSearchOptions();
        options.Validate(top);
        Refuse(options);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var column = table.Vectors[table.Collection.VectorIndex(options.VectorField)];
        var query = await _records.ToQueryAsync(table.Collection, column.Field, vector, cancellationToken).ConfigureAwait(false);
        var found = await _database.RunAsync(Name, connection => NearestAsync(connection, table, column, query, top, options, cancellationToken), cancellationToken).ConfigureAwait(false);
        foreach (var (values, score) in found)
        {
            yield return new VectorSearchResult<TRecord>(_records.ToRecord(table.Collection, values), score);
        }
    }

    public async IAsyncEnumerable<TextSearchResult<TRecord>> SearchTextAsync(TextQuery query, int top, TextSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        options ??= new TextSearchOptions();
        options.Validate(top);
        Refuse(options.Scoring);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var fields = table.Collection.TextFields(options.Fields);
        var found = await _database.RunAsync(Name, connection => WithWordsAsync(connection, table, fields, query, options.Scoring, options.Filter, top, options.Skip, options.IncludeVectors, cancellationToken), cancellationToken).ConfigureAwait(false);
        foreach (var (values, score) in found)
        {
            yield return new TextSearchResult<TRecord>(_records.ToRecord(table.Collection, values), score) { Highlights = Highlights(table, values, fields, query, options.Highlight) };
        }
    }

    public IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync(string text, int top, HybridSearchOptions? options = null, CancellationToken cancellationToken = default) =>
        HybridSearchAsync(text, text, top, options, cancellationToken);

    public async IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync<TVector>(TVector vector, TextQuery words, int top, HybridSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TVector : notnull
    {
        ArgumentNullException.ThrowIfNull(words);
        options ??= new HybridSearchOptions();
        var candidates = options.Validate(top);
        Refuse(options.TextScoring);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var column = table.Vectors[table.Collection.VectorIndex(options.VectorField)];
        var fields = table.Collection.TextFields(options.TextFields);
        var query = await _records.ToQueryAsync(table.Collection, column.Field, vector, cancellationToken).ConfigureAwait(false);
        foreach (var (values, score, vectorScore, textScore) in await _database.RunAsync(Name, FuseAsync, cancellationToken).ConfigureAwait(false))
        {
            yield return new HybridSearchResult<TRecord>(_records.ToRecord(table.Collection, values), score, vectorScore, textScore) { Highlights = Highlights(table, values, fields, words, options.Highlight) };
        }

        async Task<List<(RecordValues Values, double Score, double? VectorScore, double? TextScore)>> FuseAsync(NpgsqlConnection connection)
        {
            // Both lists are of one snapshot.
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
            await using var _ = transaction.ConfigureAwait(false);
            var nearest = await NearestAsync(connection, table, column, query, candidates, new VectorSearchOptions { Filter = options.Filter, IncludeVectors = options.IncludeVectors }, cancellationToken).ConfigureAwait(false);
            var withWords = await WithWordsAsync(connection, table, fields, words, options.TextScoring, options.Filter, candidates, 0, options.IncludeVectors, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            List<RecordValues> all = [];
            Dictionary<object, int> places = [];
            var (byVector, byText) = (nearest.ConvertAll(Number), withWords.ConvertAll(Number));
            return [.. Fusion.Fuse(byVector, byText, column.Field.DistanceFunction, options).Skip(options.Skip).Take(top).Select(fused => (all[fused.Slot], fused.Score, fused.VectorScore, fused.TextScore))];

            (int Slot, double Score) Number((RecordValues Values, double Score) found)
            {
                if (!places.TryGetValue(found.Values.Key, out var place))
                {
                    places[found.Values.Key] = place = all.Count;
                    all.Add(found.Values);
                }

                return (place, found.Score);
            }
        }
    }

    // Always min(top, those that match): what the graph does not give in time is found by comparing all.
    private async Task<List<(RecordValues Values, double Score)>> NearestAsync(NpgsqlConnection connection, CollectionTable table, VectorColumn column, byte[] query, int top, VectorSearchOptions options, CancellationToken cancellationToken)
    {
        if (column.IsIndexed && !options.IsExact)
        {
            var walked = await NearestAsync(connection, table, column, query, top, options, isExact: false, cancellationToken).ConfigureAwait(false);
            if (walked.Count == top)
            {
                return walked;
            }
        }

        return await NearestAsync(connection, table, column, query, top, options, isExact: true, cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<(RecordValues Values, double Score)>> NearestAsync(NpgsqlConnection connection, CollectionTable table, VectorColumn column, byte[] query, int top, VectorSearchOptions options, bool isExact, CancellationToken cancellationToken)
    {
        var batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        if (!isExact)
        {
            var settings = new NpgsqlBatchCommand(SearchSettings.Statement);
            var effort = Math.Max(options.Effort ?? _database.Effort, Math.Min(top + options.Skip, SearchSettings.MaximumEffort));
            new StatementParameters(settings.Parameters).Add(effort.ToString(CultureInfo.InvariantCulture), NpgsqlDbType.Text);
            batch.BatchCommands.Add(settings);
        }

        var command = new NpgsqlBatchCommand();
        var parameters = new StatementParameters(command.Parameters);
        var distance = column.Distance(parameters.Add(column.ToParameter(query), column.ParameterType));
        // A sum is no order that the index has, so all are compared; the key makes the order a certain one.
        command.CommandText = $"SELECT {table.Select(options.IncludeVectors)}, {distance} FROM {table.Name} WHERE {column.Name} IS NOT NULL AND {new FilterSql(table, parameters).Where(options.Filter)} "
            + $"ORDER BY {(isExact ? $"({distance}) + 0, {table.Key}" : distance)} OFFSET {parameters.Add(options.Skip, NpgsqlDbType.Integer)} LIMIT {parameters.Add(top, NpgsqlDbType.Integer)}";
        batch.BatchCommands.Add(command);
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        if (!isExact)
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        }

        var found = await ReadAsync(reader, table, options.IncludeVectors, cancellationToken).ConfigureAwait(false);
        return found.ConvertAll(row => (row.Values, column.Score(row.Extra)));
    }

    private static Task<List<(RecordValues Values, double Extra)>> WithWordsAsync(
        NpgsqlConnection connection, CollectionTable table, IReadOnlyList<DataField> fields, TextQuery query, TextScoring scoring, Filter? filter, int top, int skip, bool withVectors, CancellationToken cancellationToken) =>
        ReadAsync(
            connection,
            table,
            withVectors,
            parameters =>
            {
                var (match, score) = new TextQuerySql(table, fields, scoring.Boosts, parameters).Of(query);
                return $"SELECT {table.Select(withVectors)}, ({score})::float8 AS abi_score FROM {table.Name} WHERE {match} AND {new FilterSql(table, parameters).Where(filter)} "
                    + $"ORDER BY abi_score DESC, {table.Key} OFFSET {parameters.Add(skip, NpgsqlDbType.Integer)} LIMIT {parameters.Add(top, NpgsqlDbType.Integer)}";
            },
            cancellationToken);

    private static async Task<List<(RecordValues Values, double Extra)>> ReadAsync(NpgsqlConnection connection, CollectionTable table, bool withVectors, Func<StatementParameters, string> statement, CancellationToken cancellationToken)
    {
        var command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = statement(new StatementParameters(command.Parameters));
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        return await ReadAsync(reader, table, withVectors, cancellationToken).ConfigureAwait(false);
    }

    // The rows, with the number that may stand behind a record.
    private static async Task<List<(RecordValues Values, double Extra)>> ReadAsync(NpgsqlDataReader reader, CollectionTable table, bool withVectors, CancellationToken cancellationToken)
    {
        List<(RecordValues, double)> rows = [];
        var columns = 1 + table.Data.Count + (withVectors ? table.Vectors.Count : 0);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add((RowReader.Read(table, reader, withVectors), reader.FieldCount > columns ? reader.GetDouble(columns) : 0));
        }

        return rows;
    }

    private static ImmutableArray<TextHighlight> Highlights(CollectionTable table, RecordValues values, IReadOnlyList<DataField> fields, TextQuery query, HighlightOptions? options) =>
        options is null ? [] : [.. fields.SelectMany(field => values.Data[table.Collection.DataIndex(field.Name)] is string text ? TextHighlight.Find(field, text, query, options) : [])];

    private void Refuse(VectorSearchOptions options)
    {
        if (options.Recall is not null && options.Effort is null && !options.IsExact)
        {
            throw new DatabaseException($"A search in the collection '{Name}' asks for a Recall of {options.Recall}; PostgreSQL does not measure what effort that takes. Set Effort, or IsExact.");
        }

        if (options.Effort > SearchSettings.MaximumEffort)
        {
            throw new DatabaseException($"A search in the collection '{Name}' asks for an Effort of {options.Effort}; pgvector takes {SearchSettings.MaximumEffort:N0} at the most. Ask for less, or set IsExact.");
        }
    }

    private void Refuse(TextScoring scoring)
    {
        var usual = new TextScoring();
        if (scoring.K1 != usual.K1 || scoring.B != usual.B)
        {
            throw new DatabaseException($"A search in the collection '{Name}' sets K1 ({scoring.K1}) or B ({scoring.B}), which are of BM25; PostgreSQL ranks by ts_rank_cd, which has neither. Leave them unset; Boosts may be set.");
        }
    }
}
