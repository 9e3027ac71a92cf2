namespace Abi.Database.Engine;

/// <summary>A commit that waits for the log.</summary>
internal sealed class CommitRequest(ReadOnlyMemory<byte> payload)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ReadOnlyMemory<byte> Payload => payload;

    public Task Task => _done.Task;

    public void Complete(Exception? error)
    {
        if (error is null)
        {
            _done.SetResult();
        }
        else
        {
            _done.SetException(error);
        }
    }
}
