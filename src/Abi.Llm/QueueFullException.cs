namespace Abi.Llm;

/// <summary>More requests wait than the limit allows: nothing was begun. Try again later, or send fewer at once.</summary>
public sealed class QueueFullException : AbiException
{
    internal QueueFullException(string where, int limit, string remedy)
        : base($"{where} has {limit} requests waiting, which is its limit: this one was not taken. Try again later, or {remedy}.")
    {
        Limit = limit;
    }

    /// <summary>How many may wait.</summary>
    public int Limit { get; }
}
