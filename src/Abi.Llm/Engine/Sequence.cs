using Abi.Compute.Devices;
using Abi.Llm.Adapters;
using Abi.Llm.Cache;

namespace Abi.Llm.Engine;

/// <summary>
/// The tokens of one text and what is computed of it: tokens 0 to <see cref="Cached"/> − 1 have state, the rest is pending. One that lost its state (memory was needed
/// elsewhere) is computed anew when it is used again, with the same bits.
/// </summary>
internal sealed partial class Sequence
{
    private readonly PrefixCursor _prefix;
    private readonly CheckpointCache? _checkpoints;
    private EngineRequest? _owner;
    private int[] _tokens = []; // [capacity]
    private bool _isForeign;    // whether any of its state came from a file: nobody else may be given what it leads to

    public Sequence(StatePool pool, PrefixCache? prefixes, CheckpointCache? checkpoints = null)
    {
        _checkpoints = checkpoints;
        State = new SequenceState(pool);
        _prefix = new PrefixCursor(prefixes, State);
    }

    public SequenceState State { get; }

    /// <summary>The number of tokens.</summary>
    public int Count { get; private set; }

    /// <summary>The tokens from the start whose state is there.</summary>
    public int Cached { get; private set; }

    public int Pending => Count - Cached;

    /// <summary>The encoder's tokens, for an encoder-decoder model.</summary>
    public int[] EncoderTokens { get; set; } = [];

    /// <summary>Whether the encoder's pass over <see cref="EncoderTokens"/> is in the state.</summary>
    public bool IsEncoded { get; set; }

    /// <summary>The adapters that its state is computed with, or null.</summary>
    public AppliedAdapters? Adapters { get; private set; }

    /// <summary>The request that runs on it, or null. Who finds none, also without the engine's lock, finds the tokens as the last one left them.</summary>
    public EngineRequest? Owner
    {
        get => Volatile.Read(ref _owner);
        set => Volatile.Write(ref _owner, value);
    }

    /// <summary>Whether somebody is about to hand a request on it to the engine; who wants to must find it false under the engine's lock.</summary>
    public bool IsStarting { get; set; }

    /// <summary>What the samplers of its last generation remembered at the end; null before the first.</summary>
    public byte[]? SamplerState { get; set; }

    /// <summary>Whether its state goes when its request ends.</summary>
    public bool IsTemporary { get; init; }

    public bool IsDisposed { get; set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>Makes room, so that appending allocates nothing.</summary>
    public void SetCapacity(int count)
    {
        if (_tokens.Length < count)
        {
            Array.Resize(ref _tokens, count);
        }
    }

    /// <summary>Lets the page table take as many positions as the tokens have room for, so that growing allocates nothing.</summary>
    public void SetTableCapacity()
    {
        if (State.Groups > 0)
        {
            State.Table(0).SetCapacity(_tokens.Length);
        }
    }

    public void Append(int token)
    {
        if (Count == _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(64, Count * 2));
        }

        _tokens[Count++] = token;
    }

    public void Append(ReadOnlySpan<int> tokens)
    {
        SetCapacity(Count + tokens.Length);
        tokens.CopyTo(_tokens.AsSpan(Count));
        Count += tokens.Length;
    }

    /// <summary>Counts tokens as computed.</summary>
    /// <param name="tokens">How many.</param>
    /// <param name="tentative">How many of them may be cut again.</param>
    public void Advance(int tokens, int tentative)
    {
        Cached += tokens;
        State.Advance(0, Cached, tentative);
        if (Adapters is null && !_isForeign)
        {
            _prefix.Lend(Tokens, Cached);
            if (_checkpoints?.IsWanted(Cached, Count, tokens) == true)
            {
                _checkpoints.Add(Tokens[..Cached], State);
            }
        }
    }

    /// <summary>Remembers the state where it stands, for texts that go on from here.</summary>
    public void AddCheckpoint()
    {
        if (_checkpoints is not null && Adapters is null && !_isForeign && Cached > 0)
        {
            _checkpoints.Add(Tokens[..Cached], State);
        }
    }

    /// <summary>Takes state that others computed for the same tokens, below <paramref name="limit"/>, as far as there is any.</summary>
    public void TakeKnownPages(int limit)
    {
        if (Adapters is null && Cached + StateStore.PageLength <= limit)
        {
            Cached = _prefix.Take(Tokens, Cached, limit);
        }

        if (Adapters is null && _checkpoints is not null)
        {
            Cached = _checkpoints.Take(Tokens, Cached, limit, State);
        }
    }

    /// <summary>Cuts the tokens; the state follows in <see cref="AlignState"/>.</summary>
    public void CutTokens(int count) => Count = count;

    /// <summary>Takes tokens out of the middle; what follows moves down. The state has to follow with <see cref="AlignState"/>.</summary>
    public void RemoveTokens(int from, int count)
    {
        _tokens.AsSpan(from + count, Count - from - count).CopyTo(_tokens.AsSpan(from));
        Count -= count;
    }

    /// <summary>Brings the state back to at most <paramref name="length"/> tokens, or to none where it cannot be cut.</summary>
    public void AlignState(int length)
    {
        if (Cached <= length)
        {
            return;
        }

        if (State.TryTruncate(length, Cached))
        {
            Cached = length;
            _prefix.CutTo(length);
        }
        else
        {
            DropState();
        }
    }

    /// <summary>Gives all state back; the tokens stay.</summary>
    public void DropState()
    {
        State.Clear();
        _prefix.Reset();
        Cached = 0;
        IsEncoded = false;
        _isForeign = false;
    }

    /// <summary>Goes on with other adapters. True when the state, computed with those before, has to be dropped.</summary>
    public bool UseAdapters(AppliedAdapters? adapters)
    {
        var changes = !string.Equals(Adapters?.Key, adapters?.Key, StringComparison.Ordinal);
        Adapters?.Dispose();
        Adapters = adapters;
        return changes;
    }

    /// <summary>Becomes a copy of another's tokens, under the same adapters. Hooks are the other's own: a copy has none.</summary>
    public void CopyTokens(Sequence other)
    {
        Adapters = other.Adapters is { Hooks: null } adapters ? adapters.Share() : null;
        _tokens = [.. other.Tokens];
        Count = other.Count;
        EncoderTokens = other.EncoderTokens;
        SamplerState = other.SamplerState;
    }

    /// <summary>Shares another's state up to what the tokens have in common.</summary>
    /// <param name="other">The other.</param>
    /// <param name="key">The key of the adapters that its state was computed with, or null.</param>
    public void ShareState(Sequence other, string? key)
    {
        if (Cached == 0 && !IsDisposed && other.Cached > 0 && string.Equals(Adapters?.Key, key, StringComparison.Ordinal))
        {
            other.State.ShareWith(State);
            Cached = other.Cached;
            IsEncoded = other.IsEncoded;
            _isForeign = other._isForeign;
            _prefix.MoveTo(other._prefix);
            AlignState(Count);
        }
    }
}
