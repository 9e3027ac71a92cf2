using Microsoft.Extensions.Logging;

namespace Abi.Llm.Hosting;

/// <summary>The host's log messages; event ids 2100 to 2149.</summary>
internal static partial class HostLog
{
    [LoggerMessage(2100, LogLevel.Information, "The model {Name} is loaded: {Bytes} bytes, {Total} with the others.")]
    public static partial void Loaded(ILogger logger, string name, long bytes, long total);

    [LoggerMessage(2101, LogLevel.Information, "The model {Name} is unloaded: {Bytes} bytes.")]
    public static partial void Unloaded(ILogger logger, string name, long bytes);

    [LoggerMessage(2102, LogLevel.Debug, "The model {Name} waits for {Bytes} bytes that others hold.")]
    public static partial void Waiting(ILogger logger, string name, long bytes);

    [LoggerMessage(2103, LogLevel.Error, "The model {Name} could not be loaded.")]
    public static partial void LoadFailed(ILogger logger, Exception exception, string name);
}
