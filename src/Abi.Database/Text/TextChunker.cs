using System.Globalization;
using Abi.Database.Text;

namespace Abi.Database;

/// <summary>
/// Cuts texts into parts of at most so many tokens, to be embedded one by one: at the ends of sentences where they fit, else between words, else between characters. Each part
/// repeats the last sentences of the one before, so that what belongs together stands together in one of them.
/// </summary>
/// <param name="options">How; unset, parts of 256 words that share 32.</param>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TextChunker(TextChunkerOptions? options = null)
{
    private readonly TextChunkerOptions _options = Checked(options ?? new TextChunkerOptions());

    /// <summary>The parts of a text, in order. White space at the ends of parts is left out; a text of nothing else has no parts.</summary>
    public IReadOnlyList<TextChunk> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var pieces = Pieces(text);
        List<TextChunk> chunks = [];
        for (var first = 0; first < pieces.Count;)
        {
            var end = Farthest(text, pieces, first, _options.MaximumTokens);
            var (start, stop) = (pieces[first].Start, pieces[end - 1].End);
            chunks.Add(new TextChunk(chunks.Count, start, stop - start, text[start..stop]));
            if (end == pieces.Count)
            {
                break;
            }

            // Back over what is repeated, but never so far that the next part would have nothing new.
            var next = end;
            while (next - 1 > first && Count(text, pieces[next - 1].Start, stop) <= _options.OverlapTokens && Count(text, pieces[next - 1].Start, pieces[end].End) <= _options.MaximumTokens)
            {
                next--;
            }

            first = next;
        }

        return chunks;
    }

    private static TextChunkerOptions Checked(TextChunkerOptions options)
    {
        options.Validate();
        return options;
    }

    private int Count(string text, int start, int end) => _options.CountTokens is { } count ? count(text[start..end]) : Tokenizer.Words(text[start..end]).Count;

    // Behind the last of the units that fit together, one at least. In steps that double and then halve: counting is what takes time.
    private int Farthest(string text, List<(int Start, int End)> units, int first, int limit)
    {
        bool Fits(int end) => end <= units.Count && Count(text, units[first].Start, units[end - 1].End) <= limit;
        var (end, step) = (first + 1, 1);
        for (; Fits(end + step); step *= 2)
        {
            end += step;
        }

        for (step /= 2; step > 0; step /= 2)
        {
            end += Fits(end + step) ? step : 0;
        }

        return end;
    }

    // What parts are made of, without the white space between: sentences, and of sentences that are too long as many words as may be repeated.
    private List<(int Start, int End)> Pieces(string text)
    {
        List<(int Start, int End)> pieces = [];
        foreach (var (start, end) in SentenceBreaker.Sentences(text))
        {
            if (Count(text, start, end) <= _options.MaximumTokens)
            {
                pieces.Add((start, end));
            }
            else
            {
                Cut(text, Words(text, start, end), Math.Max(1, _options.OverlapTokens > 0 ? _options.OverlapTokens : _options.MaximumTokens), pieces);
            }
        }

        return pieces;
    }

    // Groups units as long as the limit allows; one that is too long alone is cut between its characters.
    private void Cut(string text, List<(int Start, int End)> units, int limit, List<(int Start, int End)> pieces)
    {
        for (var first = 0; first < units.Count;)
        {
            var end = Farthest(text, units, first, limit);
            var (start, stop) = (units[first].Start, units[end - 1].End);
            if (end == first + 1 && Count(text, start, stop) > _options.MaximumTokens && Characters(text, start, stop) is { Count: > 1 } characters)
            {
                Cut(text, characters, limit, pieces);
            }
            else
            {
                pieces.Add((start, stop));
            }

            first = end;
        }
    }

    private static List<(int Start, int End)> Words(string text, int start, int end)
    {
        List<(int, int)> words = [];
        for (var at = start; at < end;)
        {
            var from = at;
            while (at < end && !char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            if (at > from)
            {
                words.Add((from, at));
            }

            while (at < end && char.IsWhiteSpace(text[at]))
            {
                at++;
            }
        }

        return words;
    }

    private static List<(int Start, int End)> Characters(string text, int start, int end)
    {
        List<(int, int)> characters = [];
        for (var at = start; at < end;)
        {
            var length = StringInfo.GetNextTextElementLength(text.AsSpan(at, end - at));
            characters.Add((at, at + length));
            at += length;
        }

        return characters;
    }
}
