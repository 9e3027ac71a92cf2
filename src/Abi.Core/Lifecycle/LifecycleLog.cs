using Microsoft.Extensions.Logging;

namespace Abi;

/// <summary>What the framework writes to the log, under the category <c>Abi</c>.</summary>
internal static partial class LifecycleLog
{
    internal const string Category = "Abi";

    [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "Abi changed from {Before} to {State}")]
    internal static partial void StateChanged(ILogger logger, AbiState before, AbiState state);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Feature {Feature} started in {Milliseconds} ms")]
    internal static partial void FeatureStarted(ILogger logger, string feature, long milliseconds);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Feature {Feature} failed to start; the features started before it are stopped again")]
    internal static partial void FeatureStartFailed(ILogger logger, Exception exception, string feature);

    [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "Start was cancelled at feature {Feature}; the features started before it are stopped again")]
    internal static partial void StartCancelled(ILogger logger, string feature);

    [LoggerMessage(EventId = 5, Level = LogLevel.Information, Message = "Feature {Feature} stopped in {Milliseconds} ms")]
    internal static partial void FeatureStopped(ILogger logger, string feature, long milliseconds);

    [LoggerMessage(EventId = 6, Level = LogLevel.Error, Message = "Feature {Feature} failed to stop")]
    internal static partial void FeatureStopFailed(ILogger logger, Exception exception, string feature);

    [LoggerMessage(EventId = 7, Level = LogLevel.Debug, Message = "Feature {Feature} is {Status}: {Reason}")]
    internal static partial void FeatureNotOn(ILogger logger, string feature, FeatureStatus status, string reason);

    [LoggerMessage(EventId = 8, Level = LogLevel.Error, Message = "A feature or a service failed while it was disposed")]
    internal static partial void DisposeFailed(ILogger logger, Exception exception);
}
