namespace Abi.Llm.Downloads;

/// <summary>The server cannot answer now.</summary>
internal sealed class RetryLaterException(string message, TimeSpan? delay) : Exception(message)
{
    /// <summary>How long it asks to wait.</summary>
    public TimeSpan? Delay { get; } = delay;
}
