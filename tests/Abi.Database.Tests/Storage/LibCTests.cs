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

    /// <summary>The system refuses advice about what does not begin with a page, and pages have 4, 16 or 64 KiB.</summary>
    [Test]
    public void AdviceIsAboutWholePages([Values(4 << 10, 16 << 10, 64 << 10)] int page, [Values(0, 64, 4096, 20_480)] int offset, [Values(1, 4096, 200_000)] int length)
    {
        var address = ((nint)page * 1000) + offset;
        var end = address + length;
        var (start, bytes) = LibC.PagesAround(address, length, page);
        Assert.That((start % page, bytes > 0), Is.EqualTo(((nint)0, true)));
        Assert.That((address - start, start + bytes), Is.EqualTo(((nint)(offset % page), end)));

        (start, bytes) = LibC.PagesWithin(address, length, page);
        Assert.That((start % page, bytes % page), Is.EqualTo(((nint)0, (nint)0)));
        Assert.That(start - address, Is.InRange((nint)0, (nint)page - 1));
        Assert.That(end - (start + bytes), Is.InRange((nint)0, (nint)page - 1));
    }

    private static long Slice() =>
        File.Exists(Scheduling) && File.ReadLines(Scheduling).FirstOrDefault(line => line.StartsWith("se.slice", StringComparison.Ordinal)) is { } line
            ? long.Parse(line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture) : 0;
}
