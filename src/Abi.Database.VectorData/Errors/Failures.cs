using System.Runtime.CompilerServices;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Errors;

/// <summary>Failures of the database as those of Microsoft.Extensions.VectorData. What a caller gave wrong (<see cref="ArgumentException"/>) and cancellations stay what they are.</summary>
internal static class Failures
{
    /// <summary>What the database is called in exceptions and metadata.</summary>
    public const string SystemName = "abi";

    public static async Task<T> GuardAsync<T>(Func<Task<T>> work, string? collection, string operation)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (AbiException error)
        {
            throw Of(error, collection, operation);
        }
    }

    public static async Task GuardAsync(Func<Task> work, string? collection, string operation)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (AbiException error)
        {
            throw Of(error, collection, operation);
        }
    }

    public static async IAsyncEnumerable<T> Guard<T>(IAsyncEnumerable<T> items, string? collection, string operation, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var enumerator = items.GetAsyncEnumerator(cancellationToken);
        await using (enumerator.ConfigureAwait(false))
        {
            while (true)
            {
                try
                {
                    if (!await enumerator.MoveNextAsync().ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (AbiException error)
                {
                    throw Of(error, collection, operation);
                }

                yield return enumerator.Current;
            }
        }
    }

    private static VectorStoreException Of(AbiException error, string? collection, string operation) => new(error.Message, error)
    {
        VectorStoreSystemName = SystemName,
        CollectionName = collection,
        OperationName = operation,
    };
}
