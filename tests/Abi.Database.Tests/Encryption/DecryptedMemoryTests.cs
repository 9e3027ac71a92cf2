using Abi.Database.Encryption;

namespace Abi.Database.Tests.Encryption;

/// <summary>The budget that records, vectors and pages share.</summary>
public sealed class DecryptedMemoryTests
{
    /// <summary>What has to be in memory whole gets the room that pages give up, also while others take pages as fast as they can.</summary>
    [Test]
    public void PagesTakeNothingBackThatTheyGaveUp()
    {
        const int Frames = 64;
        const int Most = Frames / 2 * PageFrame.Bytes;
        var memory = new DecryptedMemory(Frames * PageFrame.Bytes);
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            var home = new PageTable(Frames);
            for (var page = 0; !stop.IsCancellationRequested; page = (page + 1) % Frames)
            {
                memory.Pages.TryTake()?.Release(home, page);
            }
        })).ToList();
        readers.ForEach(reader => reader.Start());
        try
        {
            for (var round = 0; round < 1000; round++)
            {
                Assert.That(SpinWait.SpinUntil(() => memory.Used == Frames * PageFrame.Bytes, TimeSpan.FromMinutes(1)), Is.True); // all are taken by pages
                using var lease = memory.Take(Most, "this");
                Assert.That(memory.Used, Is.InRange(Most, Frames * PageFrame.Bytes));
            }
        }
        finally
        {
            stop.Cancel();
            readers.ForEach(reader => reader.Join());
        }
    }
}
