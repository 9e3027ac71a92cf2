using System.Buffers;
using System.Runtime.InteropServices;

namespace Abi.Llm.Grammars.Automata;

/// <summary>
/// The states of a <see cref="Pushdown"/>, made as they are met: a determinisation that never ends for a recursive grammar and is small for most. Stack sets are merged
/// by node, so a state has no more entries than the automaton has nodes, however ambiguous the grammar is.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class StateSpace
{
    private readonly Pushdown _automaton;
    private readonly int _largestCounter;
    private readonly HashSet<StackSet> _stacks = new(StackSetComparer.Instance);
    private readonly HashSet<PushdownState> _states = new(PushdownStateComparer.Instance);
    private readonly Dictionary<(int, int), StackSet> _unions = [];
    private readonly Stack<(int Node, StackSet Stacks)> _pending = [];
    private readonly Stack<(StackSet A, StackSet B)> _merging = [];
    private readonly HashSet<(int Node, int Stacks)> _visited = [];
    private readonly Dictionary<int, StackSet> _reached = [];
    private readonly List<int> _reachedNodes = [];        // the same, ascending
    private readonly List<StackSet> _reachedStacks = [];
    private int _steps;
    private long _stepsOfToken;

    /// <summary>Makes the space of an automaton.</summary>
    /// <param name="automaton">The automaton.</param>
    /// <param name="longestToken">The bytes of the longest token: no counter changes by more within one.</param>
    public StateSpace(Pushdown automaton, int longestToken)
    {
        _automaton = automaton;
        _largestCounter = longestToken + 1;
        Bottom = MakeStacks(true, [], []);
        Unknown = Push(Frame.Unknown, Bottom)!;
        Dead = new PushdownState(this, [], [], false, false, PushdownNode.Endless);
        _pending.Push((automaton.Start, Bottom));
        Start = Close();
    }

    public Pushdown Automaton => _automaton;

    public int ClassCount => _automaton.Representatives.Length;

    /// <summary>Only the empty stack.</summary>
    public StackSet Bottom { get; }

    /// <summary>A stack of which nothing is known.</summary>
    public StackSet Unknown { get; }

    public PushdownState Start { get; }

    public PushdownState Dead { get; }

    /// <summary>About how many bytes stacks and states take.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether a way was left because the stack would have become too deep.</summary>
    public bool WasTooDeep { get; set; }

    /// <summary>Another token begins, for which work is counted anew.</summary>
    public void BeginToken() => _stepsOfToken = 0;

    /// <summary>The state after a byte.</summary>
    public PushdownState Step(PushdownState state, byte value)
    {
        var index = _automaton.ClassOf[value];
        return state.IsFinal ? Dead : state.Next?[index] ?? MakeStep(state, index);
    }

    /// <summary>The state after a whole token as such, or <see cref="Dead"/>.</summary>
    public PushdownState StepToken(PushdownState state, int id)
    {
        for (var i = 0; i < state.Nodes.Length; i++)
        {
            var node = _automaton.Nodes[state.Nodes[i]];
            if (node.Kind == NodeKind.Tokens && (Array.BinarySearch(node.TokenIds, id) >= 0) != node.IsNegated)
            {
                _pending.Push((node.Next, state.Stacks[i]));
            }
        }

        return Close();
    }

    /// <summary>What either state means.</summary>
    public PushdownState Union(PushdownState a, PushdownState b)
    {
        if (a.IsDead || b.IsDead || a == b)
        {
            return a.IsDead ? b : a;
        }

        _steps = 0;
        _reached.Clear();
        foreach (var state in (ReadOnlySpan<PushdownState>)[a, b])
        {
            for (var i = 0; i < state.Nodes.Length; i++)
            {
                Reach(state.Nodes[i], state.Stacks[i]);
            }
        }

        return MakeState(a.IsAccepting || b.IsAccepting, a.IsReturning || b.IsReturning);
    }

    /// <summary>The state after a return to stacks.</summary>
    public PushdownState Return(StackSet stacks)
    {
        if (stacks.Returned is null)
        {
            _pending.Push((0, stacks));
            stacks.Returned = Close();
        }

        return stacks.Returned;
    }

    /// <summary>A state of nodes over other stacks, without following them.</summary>
    public PushdownState Place(ReadOnlySpan<int> nodes, ReadOnlySpan<StackSet> stacks)
    {
        _steps = 0;
        _reached.Clear();
        for (var i = 0; i < nodes.Length; i++)
        {
            Reach(nodes[i], stacks[i]);
        }

        return MakeState(false, false);
    }

    /// <summary>The same state for one token: counters that a token cannot bring to their bounds are all alike.</summary>
    public PushdownState Clamp(PushdownState state)
    {
        if (!_automaton.HasCounters || state.IsFinal)
        {
            return state;
        }

        if (state.Clamped is null)
        {
            _steps = 0;
            _reached.Clear();
            for (var i = 0; i < state.Nodes.Length; i++)
            {
                Reach(state.Nodes[i], Clamp(state.Stacks[i]));
            }

            state.Clamped = MakeState(state.IsAccepting, state.IsReturning);
            state.Clamped.Clamped = state.Clamped;
        }

        return state.Clamped;
    }

    /// <summary>The counters on top of stacks over an unknown stack, and the stacks below them.</summary>
    public (StackSet Top, StackSet Bottom) Peel(StackSet stacks)
    {
        if (stacks.Peeled is { } known)
        {
            return known;
        }

        Stack<StackSet> counted = [];
        var set = stacks;
        while (set.Peeled is null && !set.HasEmpty && set.Frames is [{ IsCounted: true }])
        {
            counted.Push(set);
            set = set.Below[0];
        }

        var result = set.Peeled ??= (Unknown, set);
        while (counted.TryPop(out set))
        {
            result = (Push(set.Frames[0], result.Top) ?? Unknown, result.Bottom);
            set.Peeled = result;
        }

        return result;
    }

    /// <summary>The same state in this space, for one of another space over the same automaton.</summary>
    public PushdownState Import(PushdownState state)
    {
        if (state.IsDead)
        {
            return Dead;
        }

        Dictionary<StackSet, StackSet> copies = [];
        foreach (var set in BelowFirst(state.Stacks, copies.ContainsKey))
        {
            copies.Add(set, MakeStacks(set.HasEmpty, set.Frames, Array.ConvertAll(set.Below, below => copies[below])));
        }

        _steps = 0;
        _reached.Clear();
        for (var i = 0; i < state.Nodes.Length; i++)
        {
            Reach(state.Nodes[i], copies[state.Stacks[i]]);
        }

        return MakeState(state.IsAccepting, state.IsReturning);
    }

    /// <summary>Stack sets and all that lie below them, but for those that are known already; each behind those below it. No recursion: stacks may be thousands deep.</summary>
    private static List<StackSet> BelowFirst(ReadOnlySpan<StackSet> from, Predicate<StackSet> isKnown)
    {
        List<StackSet> found = [];
        HashSet<StackSet> seen = [];
        Stack<StackSet> open = [];
        foreach (var set in from)
        {
            open.Push(set);
        }

        while (open.TryPop(out var next))
        {
            if (!isKnown(next) && seen.Add(next))
            {
                found.Add(next);
                Array.ForEach(next.Below, open.Push);
            }
        }

        found.Sort(static (a, b) => a.Id.CompareTo(b.Id)); // a set is made after those below it
        return found;
    }

    private PushdownState MakeStep(PushdownState state, byte index)
    {
        var value = _automaton.Representatives[index];
        for (var i = 0; i < state.Nodes.Length; i++)
        {
            foreach (var edge in _automaton.Nodes[state.Nodes[i]].Edges)
            {
                if (value >= edge.First && value <= edge.Last)
                {
                    _pending.Push((edge.Target, state.Stacks[i]));
                }
            }
        }

        if (state.Next is null)
        {
            state.Next = new PushdownState?[ClassCount];
            Bytes += 24 + (8L * ClassCount);
        }

        return state.Next[index] = Close();
    }

    /// <summary>Follows everything pending until only nodes that take something are left.</summary>
    private PushdownState Close()
    {
        _steps = 0;
        _reached.Clear();
        _visited.Clear();
        var (isAccepting, isReturning) = (false, false);
        while (_pending.TryPop(out var next))
        {
            if (!_visited.Add((next.Node, next.Stacks.Id)))
            {
                continue;
            }

            Count();
            var node = _automaton.Nodes[next.Node];
            if (node.Distance >= PushdownNode.Endless)
            {
                continue;
            }

            switch (node.Kind)
            {
                case NodeKind.Bytes or NodeKind.Tokens:
                    Reach(next.Node, next.Stacks);
                    break;
                case NodeKind.Split:
                    foreach (var target in node.Targets)
                    {
                        _pending.Push((target, next.Stacks));
                    }

                    break;
                case NodeKind.Call:
                    // a call that nothing follows leaves the stack as it is, so right recursion does not grow it
                    Enter(node.Callee, node.Next == 0 ? next.Stacks : Push(new Frame(node.Next, -1, -1), next.Stacks));
                    break;
                case NodeKind.Counted:
                    if (node.Minimum == 0)
                    {
                        _pending.Push((node.Next, next.Stacks));
                    }

                    Enter(node.Callee, Push(new Frame(next.Node, Math.Max(0, node.Minimum - 1), node.Maximum < 0 ? -1 : node.Maximum - 1), next.Stacks));
                    break;
                default:
                    isAccepting |= next.Stacks.HasEmpty;
                    for (var i = 0; i < next.Stacks.Frames.Length; i++)
                    {
                        isReturning |= next.Stacks.Frames[i].IsUnknown;
                        Resume(next.Stacks.Frames[i], next.Stacks.Below[i]);
                    }

                    break;
            }
        }

        return MakeState(isAccepting, isReturning);
    }

    private void Resume(Frame frame, StackSet below)
    {
        if (frame.IsUnknown)
        {
            return;
        }

        if (!frame.IsCounted)
        {
            _pending.Push((frame.Node, below));
            return;
        }

        var node = _automaton.Nodes[frame.Node];
        if (frame.Least == 0)
        {
            _pending.Push((node.Next, below));
        }

        if (frame.Most != 0)
        {
            Enter(node.Callee, Push(new Frame(frame.Node, Math.Max(0, frame.Least - 1), frame.Most < 0 ? -1 : frame.Most - 1), below));
        }
    }

    private void Enter(int callee, StackSet? stacks)
    {
        if (stacks is null)
        {
            WasTooDeep = true;
        }
        else
        {
            _pending.Push((callee, stacks));
        }
    }

    private void Reach(int node, StackSet stacks)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_reached, node, out var exists);
        known = exists ? Union(known!, stacks) : stacks;
    }

    private StackSet Union(StackSet a, StackSet b)
    {
        if (KnownUnion(a, b) is { } known)
        {
            return known;
        }

        // unions of what lies below come first; no recursion: stacks may be thousands deep
        _merging.Push((a, b));
        while (_merging.TryPeek(out var pair))
        {
            if (KnownUnion(pair.A, pair.B) is null)
            {
                var open = _merging.Count;
                PushUnknownBelow(pair.A, pair.B);
                if (_merging.Count > open)
                {
                    continue;
                }

                Merge(pair.A, pair.B);
            }

            _merging.Pop();
        }

        return KnownUnion(a, b)!;
    }

    private StackSet? KnownUnion(StackSet a, StackSet b) => a == b ? a : _unions.GetValueOrDefault(UnionKey(a, b));

    private static (int, int) UnionKey(StackSet a, StackSet b) => a.Id < b.Id ? (a.Id, b.Id) : (b.Id, a.Id);

    private void PushUnknownBelow(StackSet a, StackSet b)
    {
        for (int i = 0, j = 0; i < a.Frames.Length && j < b.Frames.Length;)
        {
            var order = a.Frames[i].CompareTo(b.Frames[j]);
            if (order == 0 && KnownUnion(a.Below[i], b.Below[j]) is null)
            {
                _merging.Push((a.Below[i], b.Below[j]));
            }

            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }
    }

    private void Merge(StackSet a, StackSet b)
    {
        Count();
        var most = a.Frames.Length + b.Frames.Length;
        var frames = ArrayPool<Frame>.Shared.Rent(most);
        var below = ArrayPool<StackSet>.Shared.Rent(most);
        var count = 0;
        for (int i = 0, j = 0; i < a.Frames.Length || j < b.Frames.Length; count++)
        {
            var order = i == a.Frames.Length ? 1 : j == b.Frames.Length ? -1 : a.Frames[i].CompareTo(b.Frames[j]);
            frames[count] = order <= 0 ? a.Frames[i] : b.Frames[j];
            below[count] = order < 0 ? a.Below[i] : order > 0 ? b.Below[j] : KnownUnion(a.Below[i], b.Below[j])!;
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
            Count();
        }

        var union = MakeStacks(a.HasEmpty || b.HasEmpty, frames.AsSpan(0, count), below.AsSpan(0, count));
        ArrayPool<Frame>.Shared.Return(frames);
        ArrayPool<StackSet>.Shared.Return(below, clearArray: true);
        _unions.Add(UnionKey(a, b), union);
        Bytes += 48;
    }

    /// <summary>The same stacks with counters no larger than a token can change.</summary>
    public StackSet Clamp(StackSet stacks)
    {
        if (stacks.Clamped is null)
        {
            foreach (var set in BelowFirst([stacks], static set => set.Clamped is not null))
            {
                var clamped = MakeStacks(set.HasEmpty, [], []);
                for (var i = 0; i < set.Frames.Length; i++)
                {
                    var frame = set.Frames[i];
                    if (frame.IsCounted)
                    {
                        frame = frame with { Least = Math.Min(frame.Least, _largestCounter), Most = Math.Min(frame.Most, _largestCounter) };
                    }

                    clamped = Union(clamped, MakeStacks(false, [frame], [set.Below[i].Clamped!]));
                }

                set.Clamped = clamped;
                clamped.Clamped = clamped;
            }
        }

        return stacks.Clamped!;
    }

    private StackSet? Push(Frame frame, StackSet below) => below.Depth >= GrammarLimits.StackDepth ? null : MakeStacks(false, [frame], [below]);

    private StackSet MakeStacks(bool hasEmpty, ReadOnlySpan<Frame> frames, ReadOnlySpan<StackSet> below)
    {
        if (_stacks.GetAlternateLookup<StackSetView>().TryGetValue(new StackSetView(hasEmpty, frames, below), out var known))
        {
            return known;
        }

        var depth = 0;
        var distance = hasEmpty ? 0 : PushdownNode.Endless;
        for (var i = 0; i < frames.Length; i++)
        {
            depth = Math.Max(depth, below[i].Depth + 1);
            distance = Math.Min(distance, PushdownNode.Add(DistanceOf(frames[i]), below[i].Distance));
        }

        var made = new StackSet(_stacks.Count, hasEmpty, frames.ToArray(), below.ToArray(), depth, distance);
        _stacks.Add(made);
        Bytes += 150 + (20L * frames.Length);
        return made;
    }

    private long DistanceOf(Frame frame)
    {
        if (frame.IsUnknown)
        {
            return 0;
        }

        var node = _automaton.Nodes[frame.Node];
        return frame.IsCounted
            ? PushdownNode.Add(PushdownNode.Multiply(frame.Least, _automaton.Nodes[node.Callee].Distance), _automaton.Nodes[node.Next].Distance)
            : node.Distance;
    }

    private PushdownState MakeState(bool isAccepting, bool isReturning)
    {
        if (_reached.Count == 0 && !isAccepting && !isReturning)
        {
            return Dead;
        }

        _reachedNodes.Clear();
        _reachedStacks.Clear();
        foreach (var node in _reached.Keys)
        {
            _reachedNodes.Add(node);
        }

        _reachedNodes.Sort();
        foreach (var node in _reachedNodes)
        {
            _reachedStacks.Add(_reached[node]);
        }

        var nodes = CollectionsMarshal.AsSpan(_reachedNodes);
        var stacks = CollectionsMarshal.AsSpan(_reachedStacks);
        if (!_states.GetAlternateLookup<PushdownStateView>().TryGetValue(new PushdownStateView(nodes, stacks, isAccepting, isReturning), out var state))
        {
            var distance = isAccepting || isReturning ? 0 : PushdownNode.Endless;
            for (var i = 0; i < nodes.Length; i++)
            {
                distance = Math.Min(distance, PushdownNode.Add(_automaton.Nodes[nodes[i]].Distance, stacks[i].Distance));
            }

            state = new PushdownState(this, nodes.ToArray(), stacks.ToArray(), isAccepting, isReturning, distance);
            _states.Add(state);
            Bytes += 230 + (12L * nodes.Length);
        }

        return state;
    }

    private void Count()
    {
        if (++_steps > GrammarLimits.StepsOfAByte)
        {
            throw TooAmbiguous($"Following one character of the text takes more than {GrammarLimits.StepsOfAByte} steps");
        }

        if (++_stepsOfToken > GrammarLimits.StepsOfAToken || Bytes > 2 * GrammarLimits.CacheBytes)
        {
            throw TooAmbiguous($"Finding the tokens that may follow takes more than {GrammarLimits.StepsOfAToken} steps or {(2 * GrammarLimits.CacheBytes) >> 20} MB");
        }
    }

    private GrammarException TooAmbiguous(string finding)
    {
        _pending.Clear();
        _merging.Clear();
        return new GrammarException($"{finding}: the grammar is too ambiguous. Write it so that fewer rules fit the same text.");
    }
}
