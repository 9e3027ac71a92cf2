using System.Text;

namespace Abi.Database.Text;

/// <summary>
/// Cuts text into words as they are indexed and searched: the segments of <see cref="WordBreaker"/> that are words, in lower case and composed (see <see cref="Composition"/>), final sigmas and curled
/// apostrophes made plain, and reduced to their stems where the field asks for it.
/// </summary>
public static class Tokenizer
{
    private const int LongestWord = 256; // characters; what is longer is no word, and is cut

    /// <summary>The words, in order, unstemmed.</summary>
    internal static List<string> Words(string text) => Cut(text, Stemming.None).ConvertAll(word => word.Term);

    /// <summary>The words with their places, in order.</summary>
    public static List<TextWord> Cut(string text, Stemming stemming)
    {
        var segments = WordBreaker.Segments(text);
        var words = new List<TextWord>(segments.Count);
        foreach (var (start, length) in segments)
        {
            var word = Normalize(text.AsSpan(start, Math.Min(length, LongestWord)));
            words.Add(new TextWord(stemming == Stemming.English ? EnglishStemmer.Stem(word) : word, start, length));
        }

        return words;
    }

    private static string Normalize(ReadOnlySpan<char> word)
    {
        if (Ascii.IsValid(word))
        {
            return string.Create(word.Length, word, static (lower, word) => Ascii.ToLower(word, lower, out _));
        }

        // A capital of full width becomes a small one of full width, and that a plain one; a final sigma is a sigma, a curled apostrophe one.
        return Composition.Compose(word.ToString().ToLowerInvariant()).Replace('ς', 'σ').Replace('\u2019', '\'').Replace('\u2018', '\'');
    }
}
