using System.Globalization;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Abi.Database.Postgres.Queries;
using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;
using NpgsqlTypes;

namespace Abi.Database.Postgres;

/// <summary>A collection in a table of PostgreSQL.</summary>
internal sealed partial class PostgresCollection<TKey, TRecord> : IVectorCollection<TKey, TRecord>
    where TKey : notnull
    where TRecord : class
{
    private readonly PostgresDatabase _database;
    private readonly RecordConverter<TRecord> _records;
    private readonly CollectionDefinition? _definition;

    public PostgresCollection(PostgresDatabase database, string name, RecordConverter<TRecord> records, CollectionDefinition? definition)
    {
        _database = database;
        _records = records;
        _definition = records.DefinitionFor<TKey>(name, definition);
        Name = name;
    }

    public string Name { get; }

    public Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) => _database.CollectionExistsAsync(Name, cancellationToken);

    public async Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        var table = new CollectionTable(_database.Catalog.Schema, Name, _definition ?? throw new DatabaseException($"The collection '{Name}' cannot be made: give its definition to GetCollection."));
        _database.Remember(await _database.RunAsync(Name, connection => _database.Catalog.CreateAsync(connection, table, cancellationToken), cancellationToken).ConfigureAwait(false));
    }

    public Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) => _database.EnsureCollectionDeletedAsync(Name, cancellationToken);

    public Filter Where(Expression<Func<TRecord, bool>> condition) => _records.Where(condition);

    public async Task<TRecord?> GetAsync(TKey key, bool includeVectors = true, CancellationToken cancellationToken = default)
    {
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var stored = _records.ToKey(table.Collection, key);
        var found = await _database.RunAsync(
            Name,
            connection => ReadAsync(connection, table, includeVectors, parameters => $"SELECT {table.Select(includeVectors)} FROM {table.Name} WHERE {table.Key} = {parameters.Add(stored, table.KeyType.Element)} AND {table.Living}", cancellationToken),
            cancellationToken).ConfigureAwait(false);
        return found.Count == 0 ? null : _records.ToRecord(table.Collection, found[0].Values);
    }

    public async IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, bool includeVectors = true, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var stored = WriteStatements.Keys(table, keys.Select(key => _records.ToKey(table.Collection, key)));
        await foreach (var record in StreamAsync(table, includeVectors, Statement, cancellationToken).ConfigureAwait(false))
        {
            yield return record;
        }

        string Statement(StatementParameters parameters) =>
            $"SELECT {table.Select(includeVectors)} FROM unnest({parameters.Add(stored, table.KeysType)}) WITH ORDINALITY AS abi_wanted(abi_key, abi_place) JOIN {table.Name} ON {table.Key} = abi_key WHERE {table.Living} ORDER BY abi_place";
    }

    public Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(record);
        return UpsertAsync([record], cancellationToken);
    }

    public async Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var values = await _records.ToValuesAsync(table.Collection, records, (field, given, token) => FindOutdatedAsync(table, field, given, token), cancellationToken).ConfigureAwait(false);
        if (values.Count > 0)
        {
            // Of records with one key the last counts; in the order of keys, so that calls at once do not wait for each other in a circle.
            Dictionary<object, RecordValues> last = [];
            foreach (var record in values)
            {
                last[record.Key] = record;
            }

            var ordered = last.Values.OrderBy(record => record.Key, Comparer<object>.Create((a, b) => a is string text ? string.CompareOrdinal(text, (string)b) : Comparer<object>.Default.Compare(a, b)));
            await _database.RunAsync(Name, connection => WriteStatements.UpsertAsync(connection, table, [.. ordered], cancellationToken), cancellationToken).ConfigureAwait(false);
        }
    }

    public Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => DeleteAsync([key], cancellationToken);

    public async Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        var stored = WriteStatements.Keys(table, keys.Select(key => _records.ToKey(table.Collection, key)));
        if (stored.Length > 0)
        {
            await _database.RunAsync(Name, connection => WriteStatements.DeleteAsync(connection, table, stored, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<int> CountAsync(Filter? filter = null, CancellationToken cancellationToken = default)
    {
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        return await _database.RunAsync(Name, CountAsync, cancellationToken).ConfigureAwait(false);

        async Task<int> CountAsync(NpgsqlConnection connection)
        {
            var command = connection.CreateCommand();
            await using var _ = command.ConfigureAwait(false);
            command.CommandText = $"SELECT count(*) FROM {table.Name} WHERE {new FilterSql(table, new StatementParameters(command.Parameters)).Where(filter)}";
            return checked((int)(long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!);
        }
    }

    public async IAsyncEnumerable<TRecord> ListAsync(ListOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new ListOptions();
        options.Validate();
        var table = await TableAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var record in StreamAsync(table, options.IncludeVectors, Statement, cancellationToken).ConfigureAwait(false))
        {
            yield return record;
        }

        string Statement(StatementParameters parameters)
        {
            var statement = $"SELECT {table.Select(options.IncludeVectors)} FROM {table.Name} WHERE {new FilterSql(table, parameters).Where(options.Filter)}";
            // Pages are of one order.
            return options.Skip == 0 && options.Top is null ? statement
                : $"{statement} ORDER BY {table.Key} OFFSET {parameters.Add(options.Skip, NpgsqlDbType.Integer)} LIMIT {parameters.Add(options.Top ?? int.MaxValue, NpgsqlDbType.Integer)}";
        }
    }

    private Task<CollectionTable> TableAsync(CancellationToken cancellationToken) => _database.TableAsync(Name, cancellationToken);

    private async IAsyncEnumerable<TRecord> StreamAsync(CollectionTable table, bool withVectors, Func<StatementParameters, string> statement, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var rows = await RowStream.OpenAsync(_database, table, withVectors, statement, cancellationToken).ConfigureAwait(false);
        await using var _ = rows.ConfigureAwait(false);
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return _records.ToRecord(table.Collection, rows.Current);
        }
    }

    private async ValueTask<bool[]> FindOutdatedAsync(CollectionTable table, int field, IReadOnlyList<GivenVector> given, CancellationToken cancellationToken)
    {
        var vector = table.Vectors[field];
        var source = table.Data[table.Collection.DataIndex(vector.Field.SourceField!)];
        return await _database.RunAsync(Name, FindAsync, cancellationToken).ConfigureAwait(false);

        async Task<bool[]> FindAsync(NpgsqlConnection connection)
        {
            var command = connection.CreateCommand();
            await using var _ = command.ConfigureAwait(false);
            var parameters = new StatementParameters(command.Parameters);
            var keys = parameters.Add(WriteStatements.Keys(table, given.Select(item => item.Key)), table.KeysType);
            var texts = parameters.Add(given.Select(item => item.Text).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);
            var elements = parameters.Add(given.SelectMany(item => vector.ToFloats(item.Vector.Span)).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Real);
            var dimensions = vector.Field.Dimensions.ToString(CultureInfo.InvariantCulture);
            command.CommandText = $"SELECT abi_place::int FROM unnest({keys}, {texts}) WITH ORDINALITY AS abi_given(abi_key, abi_text, abi_place) JOIN {table.Name} ON {table.Key} = abi_key "
                + $"WHERE {table.Living} AND {source} IS DISTINCT FROM abi_text AND {vector.Name} = ({elements}[(abi_place::int - 1) * {dimensions} + 1 : abi_place::int * {dimensions}])::{vector.Type}";
            var isOutdated = new bool[given.Count];
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var __ = reader.ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                isOutdated[reader.GetInt32(0) - 1] = true;
            }

            return isOutdated;
        }
    }
}
