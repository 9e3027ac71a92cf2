namespace Abi.Llm.Downloads;

/// <summary>A body ended before its end.</summary>
internal sealed class TruncatedException(string message, Exception? innerException = null) : Exception(message, innerException);
