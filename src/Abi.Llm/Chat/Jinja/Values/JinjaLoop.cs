namespace Abi.Llm.Chat.Jinja;

/// <summary>The <c>loop</c> variable: walks its elements one at a time, and looks ahead only where it is asked to.</summary>
internal sealed class JinjaLoop(object? iterable, IEnumerable<object?> items, int depth, Func<object?, object?>? recurse)
{
    private static readonly object Missing = new();

    private IEnumerator<object?> _items = items.GetEnumerator();
    private long _index = -1;
    private long _length = -1;
    private object? _before = Missing;
    private object? _current = Missing;
    private object? _after = Missing;
    private JinjaList? _lastChecked;

    public object? Current => _current;

    public bool MoveNext()
    {
        var next = Peek();
        if (next == Missing)
        {
            return false;
        }

        _after = Missing;
        _before = _current;
        _current = next;
        _index++;
        return true;
    }

    /// <summary>How many elements there are; those of a generator are made to count them.</summary>
    public long Length
    {
        get
        {
            if (_length < 0 && iterable is JinjaIterator)
            {
                List<object?> rest = [];
                while (_items.MoveNext())
                {
                    rest.Add(_items.Current);
                }

                _items = rest.GetEnumerator();
                _length = rest.Count + _index + 1 + (_after == Missing ? 0 : 1);
            }
            else if (_length < 0)
            {
                _length = JinjaOperators.Length(iterable);
            }

            return _length;
        }
    }

    /// <summary>The elements that are left, each with the loop, as iterating the loop gives them.</summary>
    public IEnumerable<object?> Pairs()
    {
        while (MoveNext())
        {
            yield return new JinjaList([_current, this], isTuple: true);
        }
    }

    public object? Get(string name) => name switch
    {
        "index" => _index + 1,
        "index0" => _index,
        "revindex" => Length - _index,
        "revindex0" => Length - _index - 1,
        "first" => _index == 0,
        "last" => Peek() == Missing,
        "length" => Length,
        "depth" => (long)depth + 1,
        "depth0" => (long)depth,
        "previtem" => _index == 0 ? new JinjaUndefined("UndefinedError: there is no previous item") : _before,
        "nextitem" => Peek() is var next && next == Missing ? new JinjaUndefined("UndefinedError: there is no next item") : next,
        "cycle" => new JinjaCallable("cycle", "/ *", arguments => arguments.Positional.Count > 0
            ? arguments.Positional[(int)(_index % arguments.Positional.Count)]
            : throw JinjaError.Type("no items for cycling given")),
        "changed" => new JinjaCallable("changed", "/ *", arguments =>
        {
            var now = new JinjaList(arguments.Positional, isTuple: true);
            var changed = _lastChecked is null || !JinjaOperators.AreEqual(_lastChecked, now);
            _lastChecked = now;
            return changed;
        }),
        _ => JinjaSignature.Absent,
    };

    public object? Recurse(object? value) => recurse is null
        ? throw JinjaError.Type("The loop must have the 'recursive' marker to be called recursively.")
        : recurse(value);

    public override string ToString() => $"<LoopContext {_index + 1}/{Length}>";

    private object? Peek()
    {
        if (_after == Missing && _items.MoveNext())
        {
            _after = _items.Current;
        }

        return _after;
    }
}
