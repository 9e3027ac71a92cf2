using System.Buffers;
using System.Globalization;

namespace Abi.Database.Backup;

/// <summary>A full backup and what was added to it, in a folder of its own: <c>backup-NUMBER-TIME-DATABASE</c>.</summary>
/// <param name="Number">Later ones have higher numbers, whatever the clock said.</param>
/// <param name="Time">When it was begun, rounded up to a millisecond: all that its full backup has was committed before.</param>
/// <param name="Database">The first digits of the database's identity.</param>
internal sealed record BackupChain(long Number, DateTimeOffset Time, string Database)
{
    private const string TimeFormat = "yyyyMMdd'T'HHmmssfff'Z'";
    private const int DatabaseDigits = 8;

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    /// <summary>The folder.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"backup-{Number:d6}-{Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{Database}");

    /// <summary>A chain that is begun now.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="time">UTC ticks.</param>
    /// <param name="database">Whose it is.</param>
    public static BackupChain Of(long number, long time, Guid database) =>
        new(number, new DateTimeOffset((time + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero), Digits(database));

    /// <summary>What a folder's name says; null when it is no name of a chain.</summary>
    public static BackupChain? Parse(string name) =>
        name.Split('-') is ["backup", var number, var time, var database]
        && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
        && DateTimeOffset.TryParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)
        && database.Length == DatabaseDigits && !database.AsSpan().ContainsAnyExcept(Hexadecimal) && new BackupChain(n, at, database) is var chain && chain.Name == name
            ? chain
            : null;

    /// <summary>Whether it is a backup of a database.</summary>
    public bool IsOf(Guid database) => Database == Digits(database);

    private static string Digits(Guid database) => database.ToString("N")[..DatabaseDigits];
}
