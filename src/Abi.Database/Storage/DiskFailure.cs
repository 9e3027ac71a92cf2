namespace Abi.Database.Storage;

/// <summary>What a disk refuses, as one that is full, told as what could not be done.</summary>
internal static class DiskFailure
{
    /// <summary>Tells what could not be done when the disk fails.</summary>
    /// <param name="work">Work on files.</param>
    /// <param name="what">What could not be done then, and what is left: the beginning of a sentence that goes on with the system's reason.</param>
    /// <exception cref="DatabaseException">The disk has failed.</exception>
    public static async Task TellDiskFailure(this Task work, string what)
    {
        try
        {
            await work.ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DatabaseException($"{what}: {error.Message} Make room, or remove what else is in the way, and try again.", error);
        }
    }

    /// <inheritdoc cref="TellDiskFailure(Task, string)"/>
    public static async Task<T> TellDiskFailure<T>(this Task<T> work, string what)
    {
        await ((Task)work).TellDiskFailure(what).ConfigureAwait(false);
        return await work.ConfigureAwait(false);
    }
}
