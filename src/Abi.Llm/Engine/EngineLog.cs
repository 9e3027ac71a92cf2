using Microsoft.Extensions.Logging;

namespace Abi.Llm.Engine;

/// <summary>The engine's log messages; event ids 2000 to 2099.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(2000, LogLevel.Information, "Engine for {Architecture} on {Device}: context {ContextLength} tokens, cache {CacheTokens} tokens ({CacheBytes} bytes), {Slots} recurrent slots.")]
    public static partial void Started(ILogger logger, string architecture, string device, int contextLength, long cacheTokens, long cacheBytes, int slots);

    [LoggerMessage(2001, LogLevel.Warning, "The context of {ContextLength} tokens is longer than the {TrainedLength} that the model was trained for: expect nonsense beyond.")]
    public static partial void ContextBeyondTraining(ILogger logger, int contextLength, int trainedLength);

    [LoggerMessage(2002, LogLevel.Debug, "A sequence of {Tokens} tokens gave its state to another and will be computed anew.")]
    public static partial void Preempted(ILogger logger, int tokens);

    [LoggerMessage(2003, LogLevel.Error, "A step of {Rows} rows failed.")]
    public static partial void StepFailed(ILogger logger, Exception exception, int rows);

    [LoggerMessage(2004, LogLevel.Debug, "The model {Path} is loaded in {Milliseconds} ms.")]
    public static partial void Loaded(ILogger logger, string path, long milliseconds);

    [LoggerMessage(2005, LogLevel.Error, "The engine's thread ended with an exception; every request fails.")]
    public static partial void ThreadFailed(ILogger logger, Exception exception);
}
