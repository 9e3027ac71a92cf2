namespace Abi.Database.Postgres.Queries;

/// <summary>Dates as PostgreSQL keeps them: moments to the microsecond, without an offset.</summary>
internal static class DateValue
{
    /// <summary>The moment, what is below a microsecond cut off: always downwards, so that stored dates and those of filters are cut alike.</summary>
    public static DateTime ToParameter(DateTimeOffset date) => new(date.UtcTicks - (date.UtcTicks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
}
