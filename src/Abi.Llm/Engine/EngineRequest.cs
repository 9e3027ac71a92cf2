using Abi.Compute.Devices;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>Work on one sequence: the engine computes its pending tokens and hands over the outputs that it wants.</summary>
internal abstract class EngineRequest(Sequence sequence, CancellationToken cancellationToken)
{
    private volatile bool _isCancelled;
    private volatile bool _isExpired;

    public Sequence Sequence => sequence;

    public CancellationToken CancellationToken => cancellationToken;

    public bool IsCancelled => _isCancelled || cancellationToken.IsCancellationRequested;

    /// <summary>Whether its time is over: it ends with what there is.</summary>
    public bool IsExpired => _isExpired;

    /// <summary>Tells when its time is over; null without a limit.</summary>
    public Timer? Deadline { get; set; }

    /// <summary>Higher ones come first.</summary>
    public virtual int Priority => 0;

    /// <summary>Whether a slow reader has to catch up first. It may do so at any time, on its own thread.</summary>
    public virtual bool IsBlocked => false;

    /// <summary>Whether it was blocked when room was made for the step that is built: there is none for it, so it takes no part, whatever its reader has done since.</summary>
    public bool IsHeld { get; set; }

    /// <summary>The first token whose output is wanted.</summary>
    public abstract int FirstOutput { get; }

    /// <summary>Whether it is among those that are computed.</summary>
    public bool IsActive { get; set; }

    /// <summary>An older request that is computing the same tokens: this one waits for its pages instead of computing them too.</summary>
    public EngineRequest? Leader { get; private set; }

    /// <summary>How many tokens it gets from its leader.</summary>
    public int SharedWithLeader { get; private set; }

    /// <summary>The tokens below which state that others computed can be taken: the outputs wanted must be computed.</summary>
    public int ReuseLimit => Math.Min(FirstOutput, sequence.Count - 1);

    /// <summary>How many of the sequence's last tokens are guesses that the next step checks.</summary>
    public int Drafted { get; protected set; }

    /// <summary>The rows it has in the step that is being built or run.</summary>
    public int RowsInStep { get; set; }

    /// <summary>The outputs it has in that step.</summary>
    public int OutputsInStep { get; set; }

    /// <summary>When it was handed to the engine (timestamp).</summary>
    public long Queued { get; } = System.Diagnostics.Stopwatch.GetTimestamp();

    /// <summary>When it first took part in a step; 0 before.</summary>
    public long Started { get; set; }

    /// <summary>The link to <see cref="CancellationToken"/>.</summary>
    public CancellationTokenRegistration Registration { get; set; }

    /// <summary>The engine that it was handed to.</summary>
    public InferenceEngine? Engine { get; set; }

    /// <summary>Follows the active request whose pending tokens begin like its own, if it is worth it.</summary>
    public void ChooseLeader(List<EngineRequest> active)
    {
        Leader = null;
        if (sequence.Cached % StateStore.PageLength != 0 || sequence.Adapters is not null)
        {
            return;
        }

        var best = sequence.Cached + StateStore.PageLength - 1; // a page at least
        foreach (var other in active)
        {
            if (other.Leader is null && other.Sequence.Adapters is null && other != this && other.Sequence.Pending > StateStore.PageLength)
            {
                var common = sequence.Tokens[..Math.Max(0, ReuseLimit)].CommonPrefixLength(other.Sequence.Tokens) / StateStore.PageLength * StateStore.PageLength;
                if (common > best)
                {
                    (best, Leader, SharedWithLeader) = (common, other, common);
                }
            }
        }
    }

    /// <summary>Whether the leader is still at it.</summary>
    public bool IsFollowing()
    {
        if (Leader is not null && !(Leader.IsActive && !Leader.IsBlocked && Leader.Sequence.Cached < SharedWithLeader && sequence.Cached < SharedWithLeader))
        {
            Leader = null;
            sequence.TakeKnownPages(ReuseLimit);
        }

        return Leader is not null;
    }

    public void MarkCancelled() => _isCancelled = true;

    public void MarkExpired() => _isExpired = true;

    /// <summary>Called on the engine's thread before <see cref="OnEnded"/> when its time is over.</summary>
    public virtual void OnExpired()
    {
    }

    /// <summary>Takes the guesses back.</summary>
    /// <param name="kept">How many of them may stay: the first.</param>
    public void DropDrafts(int kept = 0)
    {
        if (Drafted > kept)
        {
            var count = sequence.Count - Drafted + kept;
            Drafted = kept;
            sequence.CutTokens(count);
            sequence.AlignState(count);
        }
    }

    /// <summary>Called on the engine's thread before the first step: the last chance to look at the sequence's state.</summary>
    public virtual void OnAdmitted()
    {
    }

    /// <summary>Takes the results of a step; the sequence counts them as computed already.</summary>
    /// <param name="logits">The outputs wanted: [<see cref="OutputsInStep"/>, vocabulary].</param>
    /// <param name="candidates">Scratch of the engine.</param>
    /// <returns>Whether the request is done.</returns>
    public abstract bool OnStep(ReadOnlySpan<float> logits, Candidates candidates);

    /// <summary>Ends it: after <see cref="OnStep"/> said so (no exception), by cancellation or by failure. Called once, on the engine's thread, when its state is settled.</summary>
    public abstract void OnEnded(Exception? exception);
}
