using System.Diagnostics;
using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Threading;

namespace Abi.Compute.Tests.Cpu.Threading;

/// <summary>The team: every chunk once, errors, sharing, ending.</summary>
public sealed class WorkerTeamTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(16)]
    public void EveryChunkIsDoneOnceWhateverTheNumberOfThreads(int threads)
    {
        using var team = new WorkerTeam(threads);
        Assert.That(team.Threads, Is.EqualTo(threads));
        var work = new Counting(threads);
        using var lease = team.Lease();
        for (var round = 0; round < 2000; round++)
        {
            var chunks = 1 + (round * 31 % 97);
            work.Reset(chunks);
            lease.Run(work, chunks);
            Assert.That(work.Counts.AsSpan(0, chunks).IndexOfAnyExcept(1), Is.EqualTo(-1), $"round {round}");
        }
    }

    [Test]
    public void TheMostChunksAreAllDone()
    {
        using var team = new WorkerTeam(2);
        var work = new Counting(2);
        work.Reset(WorkerTeam.MaximumChunks);
        using var lease = team.Lease();
        lease.Run(work, WorkerTeam.MaximumChunks);
        Assert.That(work.Counts.AsSpan().IndexOfAnyExcept(1), Is.EqualTo(-1));
        Assert.That(() => lease.Run(work, WorkerTeam.MaximumChunks + 1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void WorkersSleepAndWakeAgain()
    {
        using var team = new WorkerTeam(4);
        var work = new Counting(4);
        for (var round = 0; round < 20; round++)
        {
            Thread.Sleep(5); // longer than anybody spins
            work.Reset(50);
            using var lease = team.Lease();
            lease.Run(work, 50);
            Assert.That(work.Counts.AsSpan(0, 50).IndexOfAnyExcept(1), Is.EqualTo(-1));
        }
    }

    [Test]
    public void AnExceptionReachesTheCallerAndTheTeamGoesOn()
    {
        using var team = new WorkerTeam(3);
        using var lease = team.Lease();
        var counting = new Counting(3);
        for (var round = 0; round < 50; round++)
        {
            Assert.That(() => lease.Run(new Failing(round % 20), 20), Throws.TypeOf<InvalidDataException>().With.Message.EqualTo($"chunk {round % 20}"));
            counting.Reset(20);
            lease.Run(counting, 20);
            Assert.That(counting.Counts.AsSpan(0, 20).IndexOfAnyExcept(1), Is.EqualTo(-1));
        }
    }

    [Test]
    public void WorkWithinWorkIsDoneByTheThreadThatRunsIt()
    {
        using var team = new WorkerTeam(3);
        using var lease = team.Lease();
        var work = new Nested(team);
        lease.Run(work, 12);
        Assert.That(work.Inner, Is.EqualTo(12 * 5));
    }

    [Test]
    public void CallersTakeTurns()
    {
        using var team = new WorkerTeam(3);
        var running = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            var work = new Counting(3);
            for (var round = 0; round < 100; round++)
            {
                using var lease = team.Lease();
                Assert.That(Interlocked.Increment(ref running), Is.EqualTo(1));
                work.Reset(7);
                lease.Run(work, 7);
                Interlocked.Decrement(ref running);
                Assert.That(work.Counts.AsSpan(0, 7).IndexOfAnyExcept(1), Is.EqualTo(-1));
            }
        });
    }

    [Test]
    public void DisposingEndsTheThreadsAndWorkGoesOnWithoutThem()
    {
        var team = new WorkerTeam(4);
        var work = new Counting(4);
        work.Reset(10);
        using (var lease = team.Lease())
        {
            lease.Run(work, 10);
        }

        team.Dispose();
        team.Dispose();
        work.Reset(10);
        using var after = team.Lease();
        after.Run(work, 10);
        Assert.That(work.Counts.AsSpan(0, 10).IndexOfAnyExcept(1), Is.EqualTo(-1));
        Assert.That(work.Workers.Distinct(), Is.EqualTo(new[] { 0 }));
    }

    [Test]
    public void RunningAllocatesNothing()
    {
        using var team = new WorkerTeam(2);
        using var lease = team.Lease();
        var work = new Counting(2);
        work.Reset(8);
        lease.Run(work, 8);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 1000; round++)
        {
            lease.Run(work, 8);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void WhoFindsNoChunkIsAskedInTurnUntilThereIsNoMore(int threads)
    {
        const int Turns = 5;
        Assume.That(Environment.ProcessorCount, Is.GreaterThanOrEqualTo(threads), "more threads than processors sleep at once");
        using var team = new WorkerTeam(threads);
        using var lease = team.Lease();
        var (most, watch) = (0, Stopwatch.StartNew());
        do
        {
            var work = new Waiting(threads, Turns);
            lease.Run(work, 40);
            Assert.That(work.Asked(0), Is.InRange(1, Turns), "the caller is asked at least once");
            Thread.SpinWait(1000);
            most = Math.Max(most, work.Asked(threads - 1));
            Assert.That(work.IsWrong, Is.False, "turns follow each other, and none comes after there is no more");
        }
        while (threads > 1 && most < Turns && watch.Elapsed.TotalSeconds < 30); // a thread whose core others want sleeps at once

        Assert.That(most, Is.EqualTo(threads > 1 ? Turns : 1));
    }

    [Test]
    public void AThreadThatSleepsKeepsNoWorkAlive()
    {
        using var team = new WorkerTeam(2);
        var work = RunAndForget(team, out var hasWaited);
        Assume.That(hasWaited, "on one core the worker may never come to wait while the others work");
        Thread.Sleep(50); // longer than anybody spins
        GC.Collect();
        Assert.That(work.IsAlive, Is.False);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference RunAndForget(WorkerTeam team, out bool hasWaited)
        {
            using var lease = team.Lease();
            var work = new Waiting(2, int.MaxValue);
            for (var round = 0; round < 1000 && work.Asked(1) == 0; round++)
            {
                lease.Run(work, 1000);
            }

            hasWaited = work.Asked(1) > 0;
            return new WeakReference(work);
        }
    }

    private sealed class Waiting(int threads, int turns) : ITeamWork
    {
        private readonly int[] _asked = new int[threads];
        private readonly bool[] _isDone = new bool[threads];

        public bool IsWrong { get; private set; }

        public int Asked(int worker) => Volatile.Read(ref _asked[worker]);

        public void Execute(int chunk, int worker)
        {
            _asked[worker] = 0;
            _isDone[worker] = false;
            Thread.SpinWait(20);
        }

        public bool WhileWaiting(int worker, int turn)
        {
            if (_isDone[worker] || turn != _asked[worker])
            {
                IsWrong = true;
                return false;
            }

            Volatile.Write(ref _asked[worker], turn + 1);
            _isDone[worker] = turn + 1 == turns;
            return !_isDone[worker];
        }
    }

    private sealed class Counting(int threads) : ITeamWork
    {
        private readonly int[] _busy = new int[threads];

        public int[] Counts { get; private set; } = [];

        public int[] Workers { get; private set; } = [];

        public void Reset(int chunks)
        {
            if (Counts.Length < chunks)
            {
                Counts = new int[chunks];
                Workers = new int[chunks];
            }

            Array.Clear(Counts);
        }

        public void Execute(int chunk, int worker)
        {
            // a worker's number is its own meanwhile
            if (Interlocked.Increment(ref _busy[worker]) != 1)
            {
                throw new InvalidOperationException("Two chunks run with the same worker's number.");
            }

            Counts[chunk]++;
            Workers[chunk] = worker;
            Interlocked.Decrement(ref _busy[worker]);
        }
    }

    private sealed class Failing(int at) : ITeamWork
    {
        public void Execute(int chunk, int worker)
        {
            if (chunk == at)
            {
                throw new InvalidDataException($"chunk {chunk}");
            }
        }
    }

    private sealed class Nested(WorkerTeam team) : ITeamWork
    {
        private int _inner;

        public int Inner => _inner;

        public void Execute(int chunk, int worker) => team.Run(new Leaf(this), 5);

        private sealed class Leaf(Nested outer) : ITeamWork
        {
            public void Execute(int chunk, int worker) => Interlocked.Increment(ref outer._inner);
        }
    }
}
