using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Takes one JSON object or array character by character and tells where it ends; what is inside is checked when it is parsed.</summary>
internal sealed class JsonScanner
{
    /// <summary>Deeper nesting is no call of a tool; it is also what <see cref="System.Text.Json"/> reads.</summary>
    public const int MaximumDepth = 60;

    private const string Punctuation = ",:+-.";
    private const string Escapable = "\"\\/bfnrtu";

    private readonly StringBuilder _text = new();
    private readonly Stack<char> _open = new();
    private bool _isInString;
    private bool _isEscaped;

    public string Text => _text.ToString();

    public bool HasStarted => _text.Length > 0;

    /// <summary>Whether the next character is part of a string, or ends it.</summary>
    public bool IsInString => _isInString;

    /// <summary>What a text says that is one object or array and nothing else; null when it is not.</summary>
    public static string? Read(ReadOnlySpan<char> text)
    {
        var scanner = new JsonScanner();
        text = text.Trim();
        var at = 0;
        while (at < text.Length)
        {
            if (scanner.Feed(text[at++]) is var progress and not ReaderProgress.More)
            {
                return progress == ReaderProgress.Done && at == text.Length ? scanner.Text : null;
            }
        }

        return null;
    }

    public ReaderProgress Feed(char c)
    {
        if (!HasStarted && c is not ('{' or '['))
        {
            return ReaderProgress.Failed;
        }

        if (_isInString)
        {
            FeedString(c);
            return ReaderProgress.More;
        }

        _text.Append(c);
        switch (c)
        {
            case '"':
                _isInString = true;
                return ReaderProgress.More;
            case '{' or '[':
                _open.Push(c);
                return _open.Count > MaximumDepth ? ReaderProgress.Failed : ReaderProgress.More;
            case '}' or ']':
                if (_open.Pop() != (c == '}' ? '{' : '['))
                {
                    return ReaderProgress.Failed;
                }

                return _open.Count == 0 ? ReaderProgress.Done : ReaderProgress.More;
            default:
                // anything else, such as a tag, means that the brackets before it are not all there
                return char.IsAsciiLetterOrDigit(c) || char.IsWhiteSpace(c) || Punctuation.Contains(c) ? ReaderProgress.More : ReaderProgress.Failed;
        }
    }

    /// <summary>Models write line breaks into strings, which JSON wants escaped, and escape what JSON does not: an apostrophe as in Python, or anything as in patterns.</summary>
    private void FeedString(char c)
    {
        if (_isEscaped && c == '\'')
        {
            _text.Length--;
        }
        else if (_isEscaped && !Escapable.Contains(c))
        {
            _text.Append('\\');
        }

        _isInString = _isEscaped || c != '"';
        _isEscaped = !_isEscaped && c == '\\';
        if (c < ' ')
        {
            _text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        else
        {
            _text.Append(c);
        }
    }
}
