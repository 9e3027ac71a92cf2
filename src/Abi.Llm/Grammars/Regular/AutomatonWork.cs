namespace Abi.Llm.Grammars.Regular;

/// <summary>The work on automata that one schema may ask for: each of them is bounded, but a schema may ask for many thousands.</summary>
/// <remarks>Counts what the thread does between <see cref="Begin"/> and <see cref="Dispose"/>.</remarks>
internal sealed class AutomatonWork : IDisposable
{
    private const long Most = 50_000_000;

    [ThreadStatic]
    private static AutomatonWork? _current;

    private long _done;

    private AutomatonWork()
    {
    }

    public static AutomatonWork Begin() => _current = new AutomatonWork();

    /// <exception cref="GrammarException">It is too much.</exception>
    public static void Count(int work)
    {
        if (_current is { } current && (current._done += work) > Most)
        {
            throw new GrammarException("The patterns, formats and names of the schema are too many, or too large, to be followed together; use fewer or smaller ones.");
        }
    }

    public void Dispose() => _current = null;
}
