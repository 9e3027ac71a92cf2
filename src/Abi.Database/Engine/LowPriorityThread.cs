using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <summary>
/// Does work for another thread, which waits for it, with a small share of a processor that others want. It is a thread of its own because threads inherit the share of whoever starts them, and the
/// pool's are started by whoever gives the pool something to do; so what runs here must give the pool nothing, and start no threads. (The
/// runtime starts one for its compiler from here when it has none and code is called for the first time.)
/// </summary>
/// <remarks>Work is run for one thread at a time. Where the system knows no shares (outside of Linux), it is a thread like others.</remarks>
internal sealed class LowPriorityThread : IDisposable
{
    private const int Nice = 10; // a tenth of a processor that others keep busy

    private readonly SemaphoreSlim _given = new(0), _done = new(0);
    private readonly Thread _thread;
    private Func<bool>? _work; // null when there will be no more
    private bool _result;
    private ExceptionDispatchInfo? _failure;

    public LowPriorityThread(string name)
    {
        _thread = new Thread(Work) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Runs work and waits for it. What it throws is thrown here.</summary>
    public bool Run(Func<bool> work)
    {
        _work = work;
        _given.Release();
        _done.Wait();
        _failure?.Throw();
        return _result;
    }

    /// <summary>Ends the thread, for which nobody may have work then.</summary>
    public void Dispose()
    {
        _work = null;
        _given.Release();
        _thread.Join();
        _given.Dispose();
        _done.Dispose();
    }

    private void Work()
    {
        LibC.UseLongSlices(Nice);
        do
        {
            _given.Wait();
        }
        while (TryWorkOnce());
    }

    // Apart, so that the thread refers to no work while it waits.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWorkOnce()
    {
        var work = _work;
        _work = null;
        if (work is null)
        {
            return false;
        }

        _failure = null;
        try
        {
            _result = work();
        }
        catch (Exception error)
        {
            _failure = ExceptionDispatchInfo.Capture(error); // whoever waits has it
        }

        _done.Release();
        return true;
    }
}
