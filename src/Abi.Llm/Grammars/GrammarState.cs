using Abi.Llm.Grammars.Automata;
using Abi.Llm.Grammars.Masks;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Grammars;

/// <summary>
/// How far one text has come in a <see cref="Grammar"/>: it says which tokens may follow and takes them one by one. The engine keeps one for each generation; programs
/// that sample themselves make theirs with <see cref="Grammar.Start"/>.
/// </summary>
/// <remarks>
/// For one thread at a time; states of one grammar share what they found out, also across threads. Asking and accepting allocate nothing once the places that the text
/// goes through are known.
/// </remarks>
public sealed class GrammarState
{
    private readonly CompiledGrammar _grammar;
    private PushdownState _state;
    private ulong[]? _narrow; // [vocabulary / 64], scratch

    internal GrammarState(CompiledGrammar grammar)
        : this(grammar, grammar.Space.Start)
    {
    }

    private GrammarState(CompiledGrammar grammar, PushdownState state)
    {
        _grammar = grammar;
        _state = state;
    }

    /// <summary>The tokenizer whose tokens it takes.</summary>
    public Tokenizer Tokenizer => _grammar.Tokenizer;

    /// <summary>Whether the text so far is one of the grammar.</summary>
    public bool IsComplete => _state.IsAccepting;

    /// <summary>Whether the text so far is one of the grammar and nothing can follow it.</summary>
    public bool IsFinished => _state is { IsAccepting: true, IsFinal: true };

    /// <summary>A number of tokens that suffices to end the text; 0 when <see cref="IsComplete"/>. The fewest for most grammars.</summary>
    public int TokensToComplete
    {
        get
        {
            lock (_grammar.Gate)
            {
                _state = _grammar.Current(_state);
                return _grammar.Planner.PlanOf(_state);
            }
        }
    }

    /// <summary>Whether a token may come next.</summary>
    /// <param name="id">The token.</param>
    public bool Allows(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _grammar.Trie.VocabularySize);
        lock (_grammar.Gate)
        {
            _state = _grammar.Current(_state);
            return Tokenizer.IsEndOfGeneration(id) ? _state.IsAccepting : _grammar.Masks.MaskOf(_state).Contains(id);
        }
    }

    /// <summary>Forbids the tokens that may not come next: their logits become minus infinity. End-of-generation tokens stay only when <see cref="IsComplete"/>.</summary>
    /// <param name="logits">One for each token, or more: [vocabulary].</param>
    /// <param name="tokensLeft">How many tokens may still come, the next one included; only what can be ended within them stays. Unset for no limit.</param>
    /// <returns>How many tokens stay, end-of-generation tokens not counted. 0: the text must end here.</returns>
    /// <exception cref="GrammarException">The grammar nests too deeply or is too ambiguous, or the limit is below <see cref="TokensToComplete"/>.</exception>
    public int Mask(Span<float> logits, int? tokensLeft = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(logits.Length, _grammar.Trie.VocabularySize, nameof(logits));
        lock (_grammar.Gate)
        {
            _state = _grammar.Current(_state);
            _grammar.Space.WasTooDeep = false;
            var ends = _state.IsAccepting ? _grammar.Trie.EndIds : [];
            var mask = _grammar.Masks.MaskOf(_state);
            int count;
            if (tokensLeft is not { } left || _grammar.Masks.GreatestDistance(_state, mask) < left)
            {
                count = mask.Count;
                mask.Apply(logits, ends);
            }
            else
            {
                _narrow ??= new ulong[(_grammar.Trie.VocabularySize + 63) / 64];
                count = left > 0 ? _grammar.Masks.Narrow(_state, left - 1, _narrow) : 0;
                TokenMask.ApplyBits(logits, count > 0 ? _narrow : [], ends);
            }

            return count > 0 || _state.IsAccepting
                ? count
                : throw new GrammarException(
                    _grammar.Space.WasTooDeep
                        ? $"The text nests more than {GrammarLimits.StackDepth} rules deep; bound the recursion in the grammar."
                        : $"The text cannot be ended within {tokensLeft} tokens: at least {_grammar.Planner.PlanOf(_state)} are needed.");
        }
    }

    /// <summary>Takes the next token; an end-of-generation token changes nothing.</summary>
    /// <param name="id">The token.</param>
    /// <returns>Whether it may come next; otherwise the state is as before.</returns>
    public bool TryAccept(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _grammar.Trie.VocabularySize);
        lock (_grammar.Gate)
        {
            _state = _grammar.Current(_state);
            if (Tokenizer.IsEndOfGeneration(id))
            {
                return _state.IsAccepting;
            }

            var next = _grammar.Space.StepToken(_state, id);
            var bytes = Tokenizer.TokenBytes(id, special: true);
            if (!bytes.IsEmpty)
            {
                var state = _state;
                foreach (var value in bytes)
                {
                    state = _grammar.Space.Step(state, value);
                }

                next = _grammar.Space.Union(next, state);
            }

            if (next.IsDead)
            {
                return false;
            }

            _state = next;
            return true;
        }
    }

    /// <summary>A copy that goes on from here on its own (forks).</summary>
    public GrammarState Clone() => new(_grammar, _state);

    /// <summary>Whether the text could go on with these bytes, whatever the tokens.</summary>
    internal bool TryAccept(ReadOnlySpan<byte> bytes)
    {
        lock (_grammar.Gate)
        {
            var state = _grammar.Current(_state);
            foreach (var value in bytes)
            {
                state = _grammar.Space.Step(state, value);
            }

            _state = state.IsDead ? _state : state;
            return !state.IsDead;
        }
    }

    /// <summary>The fewest tokens to the end, if they can be found to be at most a limit.</summary>
    internal int FewestTokens(int limit)
    {
        lock (_grammar.Gate)
        {
            _state = _grammar.Current(_state);
            var plan = _grammar.Planner.PlanOf(_state);
            if (plan > limit)
            {
                _grammar.Planner.Search(_state, limit);
            }

            return _state.Plan;
        }
    }
}
