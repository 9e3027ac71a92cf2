using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Abi.Compute.Telemetry;

namespace Abi.Compute.Cpu.Threading;

/// <summary>
/// A fixed team of threads for works of microseconds. A work is published in one word that also counts the chunks that are taken: whoever is awake takes the next one, so a slow
/// or busy core holds nobody up but by the chunk it is at, and a thread that sleeps through a work is not waited for. Between the works of a lease threads spin for a moment,
/// then sleep; where there are more threads than processors, or others use them, they sleep at once.
/// </summary>
/// <remarks>Thread-safe: who leases it while it is taken waits. A work that is run from within a chunk is done by that chunk's thread alone.</remarks>
public sealed class WorkerTeam : IDisposable
{
    /// <summary>The most chunks of one work.</summary>
    public const int MaximumChunks = 0xFFFF;

    private const int LeasedSpinMicroseconds = 1000; // a step's next work comes soon
    private const int SpinMicroseconds = 100; // about what waking costs
    private const int ShortSpinMicroseconds = 4;
    private const int CrowdedMilliseconds = 50;

    [ThreadStatic]
    private static bool _isWorking; // whether this thread is at a chunk

    [ThreadStatic]
    private static int _number; // this thread's number in its team

    private readonly Lock _lease = new();
    private readonly object _sleep = new();
    private readonly object _finish = new();
    private readonly Thread[] _threads;
    private readonly long _leasedSpinTicks = LeasedSpinMicroseconds * Stopwatch.Frequency / 1_000_000;
    private readonly long _spinTicks = SpinMicroseconds * Stopwatch.Frequency / 1_000_000;
    private readonly long _shortSpinTicks = ShortSpinMicroseconds * Stopwatch.Frequency / 1_000_000;
    private readonly bool _isOversubscribed;
    private Counters _counters;
    private ITeamWork? _work;
    private ExceptionDispatchInfo? _error;
    private long _crowdedUntil; // by Stopwatch: until then spinning only takes time from others
    private int _sleeping;
    private bool _callerSleeps;
    private bool _isLeased;
    private bool _isStopping;

    /// <summary>Starts the team.</summary>
    /// <param name="threads">How many threads work, the caller among them; 0 for as many as the process may use processors.</param>
    public WorkerTeam(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Threads = threads == 0 ? Environment.ProcessorCount : threads;
        _isOversubscribed = Threads > Environment.ProcessorCount;
        ComputeTelemetry.AddThreads(Threads);
        _threads = new Thread[Threads - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Work(worker), 1 << 20) { IsBackground = true, Name = $"Abi worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>How many threads work, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>Takes the team, waiting while another has it. The same thread may take it again.</summary>
    public TeamLease Lease()
    {
        _lease.Enter();
        Volatile.Write(ref _isLeased, true);
        return new TeamLease(this);
    }

    /// <summary>Ends the threads, after the works that run; works that come later are done by their caller. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_sleep)
        {
            if (_isStopping)
            {
                return;
            }

            Volatile.Write(ref _isStopping, true);
            Monitor.PulseAll(_sleep);
        }

        ComputeTelemetry.AddThreads(-Threads);

        foreach (var thread in _threads)
        {
            if (thread != Thread.CurrentThread)
            {
                thread.Join();
            }
        }
    }

    internal void EndLease()
    {
        Volatile.Write(ref _isLeased, false);
        _lease.Exit();
    }

    internal void Run(ITeamWork work, int chunks)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunks, MaximumChunks);
        if (chunks <= 0)
        {
            return;
        }

        if (chunks == 1 || _threads.Length == 0 || _isWorking || _isStopping)
        {
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                work.Execute(chunk, _number);
            }

            _ = work.WhileWaiting(_number, 0);
            return;
        }

        _work = work;
        _counters.Done = 0;
        var generation = (Volatile.Read(ref _counters.State) >> 32) + 1;
        Interlocked.Exchange(ref _counters.State, (generation << 32) | ((long)chunks << 16)); // a full fence: sleepers are looked for after it
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_sleep)
            {
                Monitor.PulseAll(_sleep);
            }
        }

        _isWorking = true;
        TakeChunks(0, out _);
        _isWorking = false;
        AwaitOthers(work, chunks);
        _work = null;
        if (_error is { } error)
        {
            _error = null;
            error.Throw();
        }
    }

    private void Work(int worker)
    {
        _isWorking = true;
        _number = worker;
        long seen = 0;
        ITeamWork? last = null;
        while (Await(seen, ref last, worker))
        {
            seen = Volatile.Read(ref _counters.State) >> 32;
            TakeChunks(worker, out last);
        }
    }

    /// <summary>Takes chunks of the work that is published, until none is left.</summary>
    /// <param name="worker">This thread's number.</param>
    /// <param name="work">The work, if there was a chunk of it.</param>
    private void TakeChunks(int worker, out ITeamWork? work)
    {
        work = null;
        var done = 0;
        var chunks = 0;
        while (true)
        {
            var state = Volatile.Read(ref _counters.State);
            var next = (int)(state & 0xFFFF);
            var count = (int)(state >> 16) & 0xFFFF;
            if (next >= count)
            {
                break;
            }

            if (Interlocked.CompareExchange(ref _counters.State, state + 1, state) != state)
            {
                continue;
            }

            // the work cannot end, nor another begin, before this chunk is counted as done
            chunks = count;
            done++;
            work = _work!;
            if (_error is null)
            {
                try
                {
                    work.Execute(next, worker);
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(exception), null);
                }
            }
        }

        if (done > 0 && Interlocked.Add(ref _counters.Done, done) == chunks && Volatile.Read(ref _callerSleeps))
        {
            lock (_finish)
            {
                Monitor.Pulse(_finish);
            }
        }
    }

    private void AwaitOthers(ITeamWork work, int chunks)
    {
        var turn = 1;
        var hasMore = work.WhileWaiting(0, 0);
        if (Volatile.Read(ref _counters.Done) == chunks)
        {
            return;
        }

        var limit = IsCrowded ? _shortSpinTicks : _leasedSpinTicks;
        var start = Stopwatch.GetTimestamp();
        do
        {
            for (var i = 0; i < 16; i++)
            {
                if (Volatile.Read(ref _counters.Done) == chunks)
                {
                    return;
                }

                hasMore = hasMore && work.WhileWaiting(0, turn++);
                if (!hasMore)
                {
                    Thread.SpinWait(1);
                }
            }
        }
        while (Stopwatch.GetTimestamp() - start < limit);

        lock (_finish)
        {
            Volatile.Write(ref _callerSleeps, true);
            Interlocked.MemoryBarrier();
            while (Volatile.Read(ref _counters.Done) != chunks)
            {
                Monitor.Wait(_finish);
            }

            _callerSleeps = false;
        }
    }

    /// <summary>Waits for a work after the one seen last; false when the team ends.</summary>
    /// <param name="seen">The number of the work seen last.</param>
    /// <param name="work">The work, if this thread did any of it; none afterwards, so that a thread that sleeps keeps nothing alive.</param>
    /// <param name="worker">This thread's number.</param>
    private bool Await(long seen, ref ITeamWork? work, int worker)
    {
        var isThere = !IsCrowded && Spin(seen, work, worker);
        work = null;
        if (isThere)
        {
            return true;
        }

        lock (_sleep)
        {
            Interlocked.Increment(ref _sleeping);
            while (Volatile.Read(ref _counters.State) >> 32 == seen && !_isStopping)
            {
                Monitor.Wait(_sleep);
            }

            Interlocked.Decrement(ref _sleeping);
            return Volatile.Read(ref _counters.State) >> 32 != seen || !_isStopping;
        }
    }

    /// <summary>Waits for a work after the one seen last for a moment; whether it came.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // what its frame holds is let go of at its end
    private bool Spin(long seen, ITeamWork? work, int worker)
    {
        var turn = 0;
        var start = Stopwatch.GetTimestamp();
        var last = start;
        while (true)
        {
            for (var i = 0; i < 32; i++)
            {
                if (Volatile.Read(ref _counters.State) >> 32 != seen)
                {
                    return true;
                }

                if (work is null || !work.WhileWaiting(worker, turn++))
                {
                    work = null;
                    Thread.SpinWait(1);
                }
            }

            var now = Stopwatch.GetTimestamp();
            if (now - last > Stopwatch.Frequency / 2000)
            {
                // this thread was put off its processor while it spun: someone else wants it
                Volatile.Write(ref _crowdedUntil, now + (CrowdedMilliseconds * Stopwatch.Frequency / 1000));
                return false;
            }

            if (now - start > (Volatile.Read(ref _isLeased) ? _leasedSpinTicks : _spinTicks))
            {
                return false;
            }

            last = now;
        }
    }

    private bool IsCrowded => _isOversubscribed || Stopwatch.GetTimestamp() < Volatile.Read(ref _crowdedUntil);

    /// <summary>What all threads write, each on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Counters
    {
        /// <summary>The number of the work (upper 32 bits), its chunks (16 bits), and how many of them are taken (16 bits).</summary>
        [FieldOffset(128)]
        public long State;

        /// <summary>The chunks of the work that are done.</summary>
        [FieldOffset(256)]
        public int Done;
    }
}
