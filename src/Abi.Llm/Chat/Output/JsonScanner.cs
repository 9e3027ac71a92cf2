using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Takes one JSON object or array character by character and tells where it ends; what is inside is checked when it is parsed.</summary>
internal sealed class JsonScanner
{
    /// <summary>Deeper nesting is no call of a tool; it is also what <see cref="System.Text.Json"/> reads.</summary>
    public const int MaximumDepth = 60;

    private readonly StringBuilder _text = new();
    private readonly Stack<char> _open = new();
    private bool _isInString;
    private bool _isEscaped;

    public string Text => _text.ToString();

    public bool HasStarted => _text.Length > 0;

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
                return ReaderProgress.More;
        }
    }

    private void FeedString(char c)
    {
        if (c < ' ')
        {
            // models write line breaks into strings; JSON wants them escaped
            _text.Append(_isEscaped ? "\\" : string.Empty).Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            _isEscaped = false;
            return;
        }

        _text.Append(c);
        if (_isEscaped)
        {
            _isEscaped = false;
        }
        else if (c == '\\')
        {
            _isEscaped = true;
        }
        else if (c == '"')
        {
            _isInString = false;
        }
    }
}
