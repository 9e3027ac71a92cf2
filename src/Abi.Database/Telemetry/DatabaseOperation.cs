using System.Diagnostics;

namespace Abi.Database.Telemetry;

/// <summary>A search or a write that somebody listens to: its span, and its figures when it has ended. One that is disposed of before it was completed has failed.</summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class DatabaseOperation : IDisposable
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly string _operation;
    private readonly string _collection;
    private readonly Activity? _span;
    private string _error = "_OTHER"; // what the conventions have where nothing else is known, such as a caller that goes away
    private bool _hasEnded;

    private DatabaseOperation(string operation, string collection)
    {
        (_operation, _collection) = (operation, collection);
        _span = DatabaseTelemetry.Source.StartActivity($"{operation} {collection}");
        _span?.SetTag("db.system.name", "abi").SetTag("db.operation.name", operation).SetTag("db.collection.name", collection);
    }

    /// <summary>Whether somebody listens.</summary>
    public static bool IsListenedTo => DatabaseTelemetry.Source.HasListeners() || DatabaseTelemetry.OperationDuration.Enabled || DatabaseTelemetry.ReturnedRows.Enabled;

    /// <summary>Begins an operation; null when nobody listens.</summary>
    public static DatabaseOperation? Begin(string operation, string collection) => IsListenedTo ? new DatabaseOperation(operation, collection) : null;

    /// <summary>Notes what makes an operation fail: for a filter of exceptions, which it lets pass.</summary>
    /// <returns>False.</returns>
    public static bool Note(DatabaseOperation? operation, Exception error)
    {
        operation?._error = error.GetType().FullName ?? error.GetType().Name;
        return false;
    }

    /// <summary>What an asynchronous part of an operation gives; notes what makes it fail.</summary>
    public static async Task<T> WatchAsync<T>(DatabaseOperation? operation, Func<Task<T>> act)
    {
        try
        {
            return await act().ConfigureAwait(false);
        }
        catch (Exception error) when (Note(operation, error))
        {
            throw;
        }
    }

    /// <summary>What a part of an operation gives; notes what makes it fail.</summary>
    public static T Watch<T>(DatabaseOperation? operation, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception error) when (Note(operation, error))
        {
            throw;
        }
    }

    /// <summary>Ends a search.</summary>
    public void Found(int rows)
    {
        _span?.SetTag("db.response.returned_rows", rows);
        var tags = End(null);
        DatabaseTelemetry.ReturnedRows.Record(rows, tags);
    }

    /// <summary>Ends a write.</summary>
    public void Written(int records)
    {
        if (records > 1)
        {
            _span?.SetTag("db.operation.batch.size", records);
        }

        End(null);
    }

    /// <summary>Ends an operation that was not ended yet: it failed.</summary>
    public void Dispose()
    {
        if (!_hasEnded)
        {
            End(_error);
        }
    }

    private TagList End(string? error)
    {
        _hasEnded = true;
        var tags = new TagList { { "db.system.name", "abi" }, { "db.operation.name", _operation }, { "db.collection.name", _collection } };
        if (error is not null)
        {
            tags.Add("error.type", error);
            _span?.SetTag("error.type", error).SetStatus(ActivityStatusCode.Error);
        }

        DatabaseTelemetry.OperationDuration.Record(Stopwatch.GetElapsedTime(_start).TotalSeconds, tags);
        _span?.Dispose();
        return tags;
    }
}
