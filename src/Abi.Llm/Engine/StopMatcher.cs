using System.Collections.Immutable;
using System.Text;

namespace Abi.Llm.Engine;

/// <summary>Finds stop strings in text that grows, and tells how much of its end might still become one.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class StopMatcher
{
    private readonly byte[][] _stops;
    private readonly string[] _texts;

    public StopMatcher(ImmutableArray<string> stops)
    {
        _texts = [.. stops];
        _stops = [.. stops.Select(Encoding.UTF8.GetBytes)];
    }

    public bool IsEmpty => _stops.Length == 0;

    public string Text(int stop) => _texts[stop];

    /// <summary>The first place at which a stop string lies whole in the text; −1 for none. Of two at one place the first given counts.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="searched">The length that was searched before without a find.</param>
    /// <param name="stop">Which stop string.</param>
    public int Find(ReadOnlySpan<byte> text, int searched, out int stop)
    {
        var best = -1;
        stop = -1;
        for (var i = 0; i < _stops.Length; i++)
        {
            var from = Math.Max(0, searched - _stops[i].Length + 1);
            var at = text[from..].IndexOf(_stops[i]);
            if (at >= 0 && (best < 0 || from + at < best))
            {
                best = from + at;
                stop = i;
            }
        }

        return best;
    }

    /// <summary>The length of the longest ending of the text that is the beginning of a stop string.</summary>
    public int HeldLength(ReadOnlySpan<byte> text)
    {
        var longest = 0;
        foreach (var stop in _stops)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text[^length..].SequenceEqual(stop.AsSpan(0, length)))
                {
                    longest = length;
                    break;
                }
            }
        }

        return longest;
    }
}
