using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks.Sources;
using Abi.Llm.Engine;

namespace Abi.Llm;

/// <summary>
/// A running generation, read as UTF-8 bytes or as pieces. Reading bytes allocates nothing. A reader that falls behind pauses its own sequence, nobody else's; disposing ends
/// the generation.
/// </summary>
/// <remarks>For one reader at a time; <see cref="Cancel"/> is thread-safe.</remarks>
public sealed class GenerationStream : IAsyncDisposable, IDisposable
{
    private readonly object _gate = new(); // a monitor: Lock and the slim events make parts of themselves at the first contention, in the middle of a generation
    private readonly EngineRequest _request;
    private Waiter _waiter = new();
    private readonly int _limit;
    private Entry[] _entries; // a ring: [_entryCount] from _firstEntry
    private int _firstEntry;
    private int _entryCount;
    private byte[] _bytes = new byte[1024]; // unread text: [_start, _end)
    private int _start;
    private int _end;
    private long _read;    // bytes handed to the reader, in all
    private long _written; // bytes that came, in all
    private bool _isWaiting;
    private bool _isComplete;
    private GenerationOutcome? _outcome;
    private ExceptionDispatchInfo? _error;
    private bool _outcomeTaken;
    private TaskCompletionSource? _over; // of who disposes while it runs
    private int _news; // how often something came
    private int _seen; // the same when the reader last looked for a piece

    internal GenerationStream(EngineRequest request, int bufferedTokens, long seed)
    {
        _request = request;
        _limit = bufferedTokens;
        _entries = new Entry[Math.Min(bufferedTokens, 1024) + 8];
        Seed = seed;
    }

    /// <summary>The seed in use.</summary>
    public long Seed { get; }

    /// <summary>How it ended; null while it runs.</summary>
    public GenerationOutcome? Outcome
    {
        get
        {
            lock (_gate)
            {
                return _outcome;
            }
        }
    }

    /// <summary>The tokens that the reader has taken.</summary>
    public int TokensRead { get; private set; }

    /// <summary>Whether the reader is so far behind that the sequence pauses. No lock: the engine asks under its own.</summary>
    internal bool IsFull => Volatile.Read(ref _entryCount) >= _limit;

    internal InferenceEngine? Engine { get; set; }

    /// <summary>Ends the generation as soon as possible; what was generated can still be read, then reading throws <see cref="OperationCanceledException"/>.</summary>
    public void Cancel() => Engine?.Cancel(_request);

    /// <summary>Reads text, waiting for some on the calling thread.</summary>
    /// <param name="utf8">At least 4 bytes; filled with whole characters.</param>
    /// <returns>The bytes read; 0 at the end.</returns>
    public int Read(Span<byte> utf8)
    {
        while (true)
        {
            int count;
            int news;
            bool wakes;
            bool isOver;
            lock (_gate)
            {
                count = Take(utf8, out wakes);
                news = _news;
                isOver = count > 0 || _isComplete;
                if (isOver)
                {
                    ThrowIfFailed(count);
                }
            }

            if (wakes)
            {
                Engine?.Wake();
            }

            if (isOver)
            {
                return count;
            }

            lock (_gate)
            {
                while (_news == news)
                {
                    Monitor.Wait(_gate);
                }
            }
        }
    }

    /// <summary>Reads the text that is there.</summary>
    /// <param name="utf8">At least 4 bytes; filled with whole characters.</param>
    /// <returns>The bytes read; 0 when there are none now.</returns>
    public int TryRead(Span<byte> utf8)
    {
        int count;
        bool wakes;
        lock (_gate)
        {
            count = Take(utf8, out wakes);
        }

        if (wakes)
        {
            Engine?.Wake();
        }

        return count;
    }

    /// <summary>Waits on the calling thread until there is something to read. Throws what ended the generation once all text is read.</summary>
    /// <returns>False at the end.</returns>
    public bool WaitToRead()
    {
        lock (_gate)
        {
            while (true)
            {
                if (_entryCount > 0 || _end > _start)
                {
                    return true;
                }

                if (_isComplete)
                {
                    ThrowIfFailed(0);
                    return false;
                }

                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Waits until there is something to read. Throws what ended the generation once all text is read.</summary>
    /// <returns>False at the end.</returns>
    public ValueTask<bool> WaitToReadAsync()
    {
        lock (_gate)
        {
            if (_entryCount > 0 || _end > _start)
            {
                return new ValueTask<bool>(true);
            }

            if (_isComplete)
            {
                ThrowIfFailed(0);
                return new ValueTask<bool>(false);
            }

            return StartWait();
        }
    }

    /// <summary>Takes the next piece: at least one character and the tokens that made it, or at the end the outcome.</summary>
    /// <returns>False when there is none now, or when the last one was taken.</returns>
    public bool TryReadPiece([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out GeneratedPiece? piece)
    {
        piece = null;
        bool wakes;
        lock (_gate)
        {
            wakes = _entryCount >= _limit;
            var tokens = 0;
            var end = _read;
            while (tokens < _entryCount && end == _read)
            {
                end = _entries[(_firstEntry + tokens) % _entries.Length].End;
                tokens++;
            }

            if (end == _read && _isComplete)
            {
                end = _written; // what a flush added
            }

            // a full buffer of tokens without text must be taken too, or the sequence would pause for ever
            if (end > _read || wakes)
            {
                var text = Encoding.UTF8.GetString(_bytes, _start, (int)(end - _read));
                Consume((int)(end - _read));
                piece = new GeneratedPiece { Text = text, Tokens = TakeTokens(tokens) };
            }
            else if (_isComplete && _error is null && !_outcomeTaken)
            {
                _outcomeTaken = true;
                piece = new GeneratedPiece { Tokens = TakeTokens(tokens), Outcome = _outcome };
            }

            _seen = _news;
            wakes &= piece is not null;
        }

        if (wakes)
        {
            Engine?.Wake();
        }

        return piece is not null;
    }

    /// <summary>The pieces as they come; the last carries the outcome.</summary>
    /// <exception cref="OperationCanceledException">The generation was cancelled.</exception>
    public async IAsyncEnumerable<GeneratedPiece> ReadPiecesAsync()
    {
        while (true)
        {
            if (TryReadPiece(out var piece))
            {
                yield return piece;
                if (piece.Outcome is not null)
                {
                    yield break;
                }

                continue;
            }

            await WaitForMoreAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends the generation if it runs, and waits until its sequence is free again.</summary>
    public async ValueTask DisposeAsync()
    {
        Cancel();
        Task over;
        lock (_gate)
        {
            _start = _end;
            _read = _written;
            _entryCount = 0;
            if (_isComplete || Engine is null)
            {
                return;
            }

            // not the reader's wait: one may still be under way that nobody waits for any more
            over = (_over ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        await over.ConfigureAwait(false);
    }

    /// <summary>Ends the generation if it runs, without waiting.</summary>
    public void Dispose() => Cancel();

    internal void Push(ReadOnlySpan<byte> utf8, ReadOnlySpan<HeldToken> tokens)
    {
        Waiter? waiter;
        lock (_gate)
        {
            if (_end + utf8.Length > _bytes.Length)
            {
                var unread = _end - _start;
                var target = unread + utf8.Length > _bytes.Length ? new byte[Math.Max(_bytes.Length * 2, unread + utf8.Length)] : _bytes;
                _bytes.AsSpan(_start, unread).CopyTo(target);
                _bytes = target;
                _start = 0;
                _end = unread;
            }

            utf8.CopyTo(_bytes.AsSpan(_end));
            _end += utf8.Length;
            foreach (var token in tokens)
            {
                if (_entryCount == _entries.Length)
                {
                    Grow();
                }

                _entries[(_firstEntry + _entryCount++) % _entries.Length] = new Entry(token.Id, token.LogProbability, token.Top, _written + Math.Min(token.End, utf8.Length));
            }

            _written += utf8.Length;
            if (_entryCount > 0)
            {
                // text that a flush added belongs to the last token
                ref var last = ref _entries[(_firstEntry + _entryCount - 1) % _entries.Length];
                last = last with { End = _written };
            }

            waiter = Signal();
        }

        waiter?.Queue(true);
    }

    internal void Complete(GenerationOutcome outcome, Exception? exception)
    {
        Waiter? waiter;
        bool hasData;
        lock (_gate)
        {
            _outcome = outcome;
            _error = exception is null ? null : ExceptionDispatchInfo.Capture(exception);
            _isComplete = true;
            hasData = _entryCount > 0 || _end > _start;
            waiter = Signal();
            _over?.TrySetResult();
        }

        waiter?.Queue(hasData, hasData ? null : exception);
    }

    private async ValueTask WaitForMoreAsync()
    {
        ValueTask<bool> wait;
        lock (_gate)
        {
            if (_isComplete)
            {
                ThrowIfFailed(_end - _start);
                return;
            }

            if (_news != _seen)
            {
                return; // something came since the reader looked
            }

            // tokens without text may be there already: only news ends this wait
            wait = StartWait();
        }

        await wait.ConfigureAwait(false);
    }

    private ValueTask<bool> StartWait()
    {
        if (_isWaiting)
        {
            throw new InvalidOperationException("A generation has one reader: another wait is under way.");
        }

        _isWaiting = true;
        if (!_waiter.IsFree)
        {
            _waiter = new Waiter(); // a wait that was given up is still to be ended
        }

        return _waiter.Start();
    }

    // Who is to be woken, outside of the gate.
    private Waiter? Signal()
    {
        _news++;
        Monitor.PulseAll(_gate);
        var waiter = _isWaiting ? _waiter : null;
        _isWaiting = false;
        return waiter;
    }

    private int Take(Span<byte> utf8, out bool wakes)
    {
        var count = Math.Min(utf8.Length, _end - _start);
        while (count > 0 && count < _end - _start && (_bytes[_start + count] & 0xC0) == 0x80)
        {
            count--; // not inside a character
        }

        if (count == 0 && _end > _start)
        {
            throw new ArgumentException($"{utf8.Length} bytes are too few for a character; 4 are always enough.", nameof(utf8));
        }

        _bytes.AsSpan(_start, count).CopyTo(utf8);
        Consume(count);
        var wasFull = _entryCount >= _limit;
        while (_entryCount > 0 && _entries[_firstEntry].End <= _read)
        {
            _entries[_firstEntry] = default;
            _firstEntry = (_firstEntry + 1) % _entries.Length;
            _entryCount--;
            TokensRead++;
        }

        wakes = wasFull && _entryCount < _limit;
        return count;
    }

    private void Consume(int count)
    {
        _start += count;
        _read += count;
        if (_start == _end)
        {
            _start = _end = 0;
        }
    }

    private ImmutableArray<GeneratedToken> TakeTokens(int count)
    {
        if (count == 0)
        {
            return [];
        }

        var tokens = new GeneratedToken[count];
        for (var i = 0; i < count; i++)
        {
            var entry = _entries[_firstEntry];
            tokens[i] = new GeneratedToken(entry.Id, entry.LogProbability, entry.Top is null ? [] : ImmutableCollectionsMarshal.AsImmutableArray(entry.Top));
            _entries[_firstEntry] = default;
            _firstEntry = (_firstEntry + 1) % _entries.Length;
        }

        _entryCount -= count;
        TokensRead += count;
        return ImmutableCollectionsMarshal.AsImmutableArray(tokens);
    }

    private void ThrowIfFailed(int unread)
    {
        if (unread == 0)
        {
            _error?.Throw();
        }
    }

    private void Grow()
    {
        var entries = new Entry[_entries.Length * 2];
        for (var i = 0; i < _entryCount; i++)
        {
            entries[i] = _entries[(_firstEntry + i) % _entries.Length];
        }

        _entries = entries;
        _firstEntry = 0;
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Entry(int Id, float LogProbability, Sampling.TokenLogProbability[]? Top, long End);

    /// <summary>The reader's wait: reused, and continued on the thread pool by queueing itself, so that waking allocates nothing.</summary>
    private sealed class Waiter : IValueTaskSource<bool>, IThreadPoolWorkItem
    {
        private ManualResetValueTaskSourceCore<bool> _core;
        private bool _result;
        private Exception? _exception;
        private volatile bool _isFree = true;

        /// <summary>Whether the last wait was ended, and whoever waited has been told.</summary>
        public bool IsFree => _isFree;

        public ValueTask<bool> Start()
        {
            _isFree = false;
            _core.Reset();
            return new ValueTask<bool>(this, _core.Version);
        }

        public void Queue(bool result, Exception? exception = null)
        {
            _result = result;
            _exception = exception;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute()
        {
            if (_exception is null)
            {
                _core.SetResult(_result);
            }
            else
            {
                _core.SetException(_exception);
            }
        }

        public bool GetResult(short token)
        {
            if (_core.GetStatus(token) != ValueTaskSourceStatus.Pending)
            {
                _isFree = true;
            }

            return _core.GetResult(token);
        }

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
