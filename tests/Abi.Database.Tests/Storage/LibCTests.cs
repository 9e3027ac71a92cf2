using System.Globalization;
using Abi.Database.Storage;

namespace Abi.Database.Tests.Storage;

/// <summary>What is asked of the system directly.</summary>
public sealed class LibCTests
{
    private const string Scheduling = "/proc/thread-self/sched";

    /// <summary>Threads of the pool, which may be started by one with long turns, have the usual ones.</summary>
    [Test]
    public void LongSlicesAreNotInherited()
    {
        var usual = Slice();
        if (usual == 0)
        {
            Assert.Ignore("This system does not tell how long a thread's turns are.");
        }

        var (own, inherited) = (0L, 0L);
        var thread = new Thread(() =>
        {
            LibC.UseLongSlices(nice: 0);
            own = Slice();
            var child = new Thread(() => inherited = Slice());
            child.Start();
            child.Join();
        });
        thread.Start();
        thread.Join();
        if (own == usual)
        {
            Assert.Ignore("This system has turns of one length.");
        }

        Assert.That(own, Is.GreaterThan(usual));
        Assert.That(inherited, Is.EqualTo(usual));
    }

    private static long Slice() =>
        File.Exists(Scheduling) && File.ReadLines(Scheduling).FirstOrDefault(line => line.StartsWith("se.slice", StringComparison.Ordinal)) is { } line
            ? long.Parse(line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture) : 0;
}
