using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>How long log is kept.</summary>
internal static class LogRetention
{
    /// <summary>The first segment that stays.</summary>
    /// <param name="storage">Where the segments are.</param>
    /// <param name="database">Whose they are.</param>
    /// <param name="below">Segments from this on are needed in any case.</param>
    /// <param name="oldest">Segments with a commit since then stay: UTC ticks.</param>
    public static long FirstKept(IStorage storage, Guid database, long below, long oldest)
    {
        foreach (var number in LogSegment.NumbersIn(storage))
        {
            if (number >= below)
            {
                break;
            }

            try
            {
                if (LogSegment.Read(storage, database, number).LastTime >= oldest)
                {
                    return number;
                }
            }
            catch (Exception error) when (error is DatabaseCorruptException or IOException)
            {
                return number; // nobody knows how old it is
            }
        }

        return below;
    }
}
