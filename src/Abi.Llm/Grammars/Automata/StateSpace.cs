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
    private readonly Dictionary<StackKey, StackSet> _stacks = [];
    private readonly Dictionary<StateKey, PushdownState> _states = [];
    private readonly Dictionary<(int, int), StackSet> _unions = [];
    private readonly Stack<(int Node, StackSet Stacks)> _pending = [];
    private readonly HashSet<(int Node, int Stacks)> _visited = [];
    private readonly Dictionary<int, StackSet> _reached = [];
    private int _steps;

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

    /// <summary>The state after a byte.</summary>
    public PushdownState Step(PushdownState state, byte value)
    {
        var index = _automaton.ClassOf[value];
        return state.IsFinal ? Dead : state.Next[index] ?? MakeStep(state, index);
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

        var result = (Unknown, stacks);
        if (!stacks.HasEmpty && stacks.Frames is [{ IsCounted: true } frame])
        {
            var (top, rest) = Peel(stacks.Below[0]);
            result = (Push(frame, top) ?? Unknown, rest);
        }

        stacks.Peeled = result;
        return result;
    }

    /// <summary>The same state in this space, for one of another space over the same automaton.</summary>
    public PushdownState Import(PushdownState state)
    {
        if (state.IsDead)
        {
            return Dead;
        }

        Dictionary<StackSet, StackSet> known = new(ReferenceEqualityComparer.Instance);
        var stacks = state.Stacks.Select(Copy).ToArray();
        _steps = 0;
        _reached.Clear();
        for (var i = 0; i < stacks.Length; i++)
        {
            Reach(state.Nodes[i], stacks[i]);
        }

        return MakeState(state.IsAccepting, state.IsReturning);

        StackSet Copy(StackSet set)
        {
            if (!known.TryGetValue(set, out var copy))
            {
                copy = MakeStacks(set.HasEmpty, set.Frames, [.. set.Below.Select(Copy)]);
                known.Add(set, copy);
            }

            return copy;
        }
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
        if (a == b)
        {
            return a;
        }

        var key = a.Id < b.Id ? (a.Id, b.Id) : (b.Id, a.Id);
        if (_unions.TryGetValue(key, out var known))
        {
            return known;
        }

        Count();
        List<Frame> frames = new(a.Frames.Length + b.Frames.Length);
        List<StackSet> below = new(a.Frames.Length + b.Frames.Length);
        for (int i = 0, j = 0; i < a.Frames.Length || j < b.Frames.Length;)
        {
            var order = i == a.Frames.Length ? 1 : j == b.Frames.Length ? -1 : a.Frames[i].CompareTo(b.Frames[j]);
            frames.Add(order <= 0 ? a.Frames[i] : b.Frames[j]);
            below.Add(order < 0 ? a.Below[i] : order > 0 ? b.Below[j] : Union(a.Below[i], b.Below[j]));
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
            Count();
        }

        var union = MakeStacks(a.HasEmpty || b.HasEmpty, [.. frames], [.. below]);
        _unions.Add(key, union);
        Bytes += 48;
        return union;
    }

    /// <summary>The same stacks with counters no larger than a token can change.</summary>
    public StackSet Clamp(StackSet stacks)
    {
        if (stacks.Clamped is not null || stacks.Frames.Length == 0)
        {
            return stacks.Clamped ?? stacks;
        }

        var clamped = MakeStacks(stacks.HasEmpty, [], []);
        for (var i = 0; i < stacks.Frames.Length; i++)
        {
            var frame = stacks.Frames[i];
            if (frame.IsCounted)
            {
                frame = frame with { Least = Math.Min(frame.Least, _largestCounter), Most = Math.Min(frame.Most, _largestCounter) };
            }

            clamped = Union(clamped, MakeStacks(false, [frame], [Clamp(stacks.Below[i])]));
        }

        stacks.Clamped = clamped;
        clamped.Clamped = clamped;
        return clamped;
    }

    private StackSet? Push(Frame frame, StackSet below) => below.Depth >= GrammarLimits.StackDepth ? null : MakeStacks(false, [frame], [below]);

    private StackSet MakeStacks(bool hasEmpty, Frame[] frames, StackSet[] below)
    {
        var key = new StackKey(hasEmpty, frames, below);
        if (_stacks.TryGetValue(key, out var known))
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

        var made = new StackSet(_stacks.Count, hasEmpty, frames, below, depth, distance);
        _stacks.Add(key, made);
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

        var nodes = new int[_reached.Count];
        _reached.Keys.CopyTo(nodes, 0);
        Array.Sort(nodes);
        var stacks = Array.ConvertAll(nodes, node => _reached[node]);
        var key = new StateKey(nodes, stacks, isAccepting, isReturning);
        if (!_states.TryGetValue(key, out var state))
        {
            var distance = isAccepting || isReturning ? 0 : PushdownNode.Endless;
            for (var i = 0; i < nodes.Length; i++)
            {
                distance = Math.Min(distance, PushdownNode.Add(_automaton.Nodes[nodes[i]].Distance, stacks[i].Distance));
            }

            state = new PushdownState(this, nodes, stacks, isAccepting, isReturning, distance);
            _states.Add(key, state);
            Bytes += 250 + (12L * nodes.Length) + (8L * state.Next.Length);
        }

        return state;
    }

    private void Count()
    {
        if (++_steps > GrammarLimits.StepsOfAByte)
        {
            _pending.Clear();
            throw new GrammarException(
                $"Following one character of the text takes more than {GrammarLimits.StepsOfAByte} steps: the grammar is too ambiguous. Write it so that fewer rules fit the same text.");
        }
    }

    private readonly struct StackKey(bool hasEmpty, Frame[] frames, StackSet[] below) : IEquatable<StackKey>
    {
        private readonly bool _hasEmpty = hasEmpty;
        private readonly Frame[] _frames = frames;
        private readonly StackSet[] _below = below;

        public bool Equals(StackKey other) =>
            _hasEmpty == other._hasEmpty && _frames.AsSpan().SequenceEqual(other._frames) && SameObjects(_below, other._below);

        public override bool Equals(object? obj) => obj is StackKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_hasEmpty);
            for (var i = 0; i < _frames.Length; i++)
            {
                hash.Add(_frames[i]);
                hash.Add(_below[i].Id);
            }

            return hash.ToHashCode();
        }
    }

    private readonly struct StateKey(int[] nodes, StackSet[] stacks, bool isAccepting, bool isReturning) : IEquatable<StateKey>
    {
        private readonly int[] _nodes = nodes;
        private readonly StackSet[] _stacks = stacks;
        private readonly bool _isAccepting = isAccepting;
        private readonly bool _isReturning = isReturning;

        public bool Equals(StateKey other) =>
            _isAccepting == other._isAccepting && _isReturning == other._isReturning && _nodes.AsSpan().SequenceEqual(other._nodes) && SameObjects(_stacks, other._stacks);

        public override bool Equals(object? obj) => obj is StateKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_isAccepting);
            hash.Add(_isReturning);
            for (var i = 0; i < _nodes.Length; i++)
            {
                hash.Add(_nodes[i]);
                hash.Add(_stacks[i].Id);
            }

            return hash.ToHashCode();
        }
    }

    private static bool SameObjects(StackSet[] a, StackSet[] b)
    {
        if (a.Length != b.Length)
        {
            return false;
        }

        for (var i = 0; i < a.Length; i++)
        {
            if (a[i] != b[i])
            {
                return false;
            }
        }

        return true;
    }
}
