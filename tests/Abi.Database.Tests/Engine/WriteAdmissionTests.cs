using Abi.Database.Engine;

namespace Abi.Database.Tests.Engine;

/// <summary>The turns that writing takes while somebody searches.</summary>
public sealed class WriteAdmissionTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2); // only so that a fault does not hold up all tests

    [Test]
    public void NobodyWaitsWhileNobodySearches()
    {
        var admission = new WriteAdmission(1);
        var both = Task.Run(() =>
        {
            using var first = admission.Enter();
            using var second = admission.Enter();
        });
        Assert.That(both.Wait(Hang), Is.True);
    }

    [TestCase(1)]
    [TestCase(3)]
    public void NoMoreTurnsThanTheWidthAreTakenAtATimeAndEveryTurnEnds(int width)
    {
        const int Threads = 8;
        const int Turns = 2000;
        var admission = new WriteAdmission(width);
        var (now, most, done) = (0, 0, 0);
        var threads = Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < Turns; i++)
            {
                admission.NoteSearch();
                using var turn = admission.Enter();
                var inside = Interlocked.Increment(ref now);
                int seen;
                while (inside > (seen = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, inside, seen) != seen)
                {
                }

                if (i % 16 == 0)
                {
                    Thread.Yield();
                }

                Interlocked.Decrement(ref now);
                Interlocked.Increment(ref done);
            }
        }) { IsBackground = true }).ToList();
        threads.ForEach(thread => thread.Start());
        Assert.That(threads.TrueForAll(thread => thread.Join(Hang)), Is.True);
        Assert.That(done, Is.EqualTo(Threads * Turns));
        Assert.That(most, Is.InRange(1, width));
    }

    [Test]
    public void TurnsGoToWhoAskedFirst()
    {
        var admission = new WriteAdmission(1);
        List<int> order = [];
        List<Thread> threads = [];
        admission.NoteSearch();
        using (admission.Enter())
        {
            for (var i = 0; i < 6; i++)
            {
                var id = i;
                var thread = new Thread(() =>
                {
                    admission.NoteSearch();
                    using var turn = admission.Enter();
                    order.Add(id);
                }) { IsBackground = true };
                threads.Add(thread);
                thread.Start();
                Assert.That(SpinWait.SpinUntil(() => thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin), Hang), Is.True);
            }

            Assert.That(order, Is.Empty);
        }

        Assert.That(threads.TrueForAll(thread => thread.Join(Hang)), Is.True);
        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 6)));
    }
}
