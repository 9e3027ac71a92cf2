using Microsoft.Extensions.Logging;

namespace Abi.Database.Telemetry;

/// <summary>The feature's log messages; event ids 3000 to 3049.</summary>
internal static partial class DatabaseLog
{
    [LoggerMessage(3000, LogLevel.Information, "The database {Folder} is open at commit {Sequence}.")]
    public static partial void Opened(ILogger logger, string folder, long sequence);

    [LoggerMessage(3001, LogLevel.Warning, "Opening the database {Folder}: {Warning}")]
    public static partial void Recovered(ILogger logger, string folder, string warning);

    [LoggerMessage(3002, LogLevel.Information, "The database {Folder} is closed.")]
    public static partial void Closed(ILogger logger, string folder);
}
