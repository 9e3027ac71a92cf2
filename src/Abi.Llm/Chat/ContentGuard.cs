using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>
/// Keeps text that is not the template's own from becoming control tokens. Before rendering, a mark is put into every place of a message where a control token's text stands,
/// begins at its end, or ends at its beginning; after rendering the marks are taken out and the tokenizer is told that no control token may cover those places.
/// </summary>
/// <remarks>
/// Text without such places is not touched, so it is rendered and encoded as without a guard. Immutable and thread-safe. Steering are control and unknown tokens, and those
/// user-defined ones that are spelt like turn marks (<c>&lt;|…|&gt;</c>, <c>&lt;|…&gt;</c>, <c>&lt;…|&gt;</c>): a vocabulary may list these as text because programs parse them.
/// </remarks>
internal sealed class ContentGuard
{
    private static readonly ConditionalWeakTable<Tokenizer, ContentGuard> Guards = [];

    private readonly ByteTrie _forward = new();  // the texts, two bytes a character
    private readonly ByteTrie _backward = new(); // the same from their ends
    private readonly string[] _texts;
    private readonly int _longest;

    private ContentGuard(IEnumerable<string> texts)
    {
        _texts = [.. texts];
        for (var i = 0; i < _texts.Length; i++)
        {
            var characters = _texts[i].ToCharArray();
            _forward.Add(MemoryMarshal.AsBytes<char>(characters), i);
            Array.Reverse(characters);
            _backward.Add(MemoryMarshal.AsBytes<char>(characters), i);
            _longest = Math.Max(_longest, characters.Length);
        }
    }

    /// <summary>The guard of a tokenizer.</summary>
    public static ContentGuard Of(Tokenizer tokenizer) => Guards.GetValue(tokenizer, static tokenizer => new ContentGuard(SteeringTexts(tokenizer)));

    /// <summary>Whether a token steers the model rather than being text.</summary>
    public static bool IsSteering(TokenKind kind, ReadOnlySpan<byte> text) =>
        kind is TokenKind.Control or TokenKind.Unknown || (kind == TokenKind.UserDefined && text.Length > 4 && text.StartsWith("<"u8) && text.EndsWith(">"u8) && (text.StartsWith("<|"u8) || text.EndsWith("|>"u8)));

    /// <summary>Puts marks into a text; the same text when there is nothing to mark.</summary>
    /// <param name="text">What a user, a tool or a model wrote.</param>
    /// <param name="mark">A character that no text of the conversation contains. It stands before the character that it protects.</param>
    public string Mark(string text, char mark)
    {
        SortedSet<int>? places = null;
        for (var start = 0; start < text.Length; start++)
        {
            var node = 0;
            var at = start;
            var isFound = false;
            while (at < text.Length && (node = Next(_forward, node, text[at])) >= 0)
            {
                at++;
                isFound |= _forward.Value(node) >= 0;
                if (at == start + 1 && isFound)
                {
                    (places ??= []).Add(start);
                }
            }

            // a whole one, or the beginning of one at the text's end (spaces may be trimmed off)
            if (at > start && (isFound || IsBlank(text.AsSpan(at))))
            {
                (places ??= []).Add(Math.Min(start + 1, at - 1));
            }
        }

        MarkHead(text, ref places);
        if (places is null)
        {
            return text;
        }

        var result = new StringBuilder(text.Length + places.Count);
        var from = 0;
        foreach (var place in places)
        {
            result.Append(text, from, place - from).Append(mark);
            from = place;
        }

        return result.Append(text, from, text.Length - from).ToString();
    }

    /// <summary>Takes the marks out of a rendered text.</summary>
    /// <param name="text">The rendered text.</param>
    /// <param name="mark">The mark.</param>
    /// <param name="guarded">Receives the byte positions, in UTF-8, that control tokens must not cover; ascending.</param>
    public static byte[] Unmark(string text, char mark, List<int> guarded)
    {
        var escaped = $"\\u{(int)mark:x4}"; // as a template's tojson may have written it
        var result = new List<byte>(text.Length + 16);
        Span<byte> buffer = stackalloc byte[4];
        for (var i = 0; i < text.Length;)
        {
            if (text[i] == mark)
            {
                guarded.Add(result.Count);
                i++;
            }
            else if (text[i] == '\\' && string.CompareOrdinal(text, i, escaped, 0, escaped.Length) == 0)
            {
                guarded.Add(result.Count);
                i += escaped.Length;
            }
            else
            {
                _ = Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var consumed);
                result.AddRange(buffer[..rune.EncodeToUtf8(buffer)]);
                i += consumed;
            }
        }

        return [.. result];
    }

    /// <summary>A text that begins with the end of a steering text, or lies inside one, could complete what the template wrote before it.</summary>
    private void MarkHead(string text, ref SortedSet<int>? places)
    {
        var first = 0;
        while (first < text.Length && char.IsWhiteSpace(text[first]))
        {
            first++;
        }

        var head = text.AsSpan(first);
        for (var length = 1; length < _longest && length <= head.Length; length++)
        {
            if (IsTail(head[..length]))
            {
                (places ??= []).Add(first + Math.Min(1, length - 1));
            }
        }

        var trimmed = head.TrimEnd();
        if (trimmed.Length > 0 && trimmed.Length < _longest && !IsWord(trimmed))
        {
            foreach (var steering in _texts)
            {
                if (steering.AsSpan().Contains(trimmed, StringComparison.Ordinal))
                {
                    (places ??= []).Add(first);
                    break;
                }
            }
        }
    }

    /// <summary>Whether a steering text ends in this.</summary>
    private bool IsTail(ReadOnlySpan<char> text)
    {
        var node = 0;
        for (var i = text.Length - 1; i >= 0 && node >= 0; i--)
        {
            node = Next(_backward, node, text[i]);
        }

        return node >= 0;
    }

    private static int Next(ByteTrie trie, int node, char c) => trie.Next(node, (byte)c) is var half and >= 0 ? trie.Next(half, (byte)(c >> 8)) : -1;

    private static bool IsBlank(ReadOnlySpan<char> text) => text.IsEmpty || text.IsWhiteSpace();

    /// <summary>Words are left alone: template logic compares them ("string", "object"), and no template spells a control token around a word of its input.</summary>
    private static bool IsWord(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsLetterOrDigit(c) && c is not ('_' or '-'))
            {
                return false;
            }
        }

        return true;
    }

    /// <remarks>Texts that are too long to be looked for become no tokens.</remarks>
    private static IEnumerable<string> SteeringTexts(Tokenizer tokenizer)
    {
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            var kind = tokenizer.KindOf(id);
            if (kind is TokenKind.Control or TokenKind.Unknown or TokenKind.UserDefined && tokenizer.TokenBytes(id, special: true) is { IsEmpty: false, Length: <= Vocabulary.LongestMatch } bytes && IsSteering(kind, bytes))
            {
                yield return Encoding.UTF8.GetString(bytes);
            }
        }
    }
}
