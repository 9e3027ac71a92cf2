using System.Text;
using System.Text.Json;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>call:name{key:&lt;|"|&gt;text&lt;|"|&gt;,flag:true,list:[1,2]}</c> by writing the arguments as JSON.</summary>
/// <remarks>
/// Between the model's quotes stands text as it is, without escapes. Keys have no quotes, nor have values that are no text; models leave them out around texts, too, and write JSON's.
/// </remarks>
/// <param name="types">The types of parameters, for values without quotes.</param>
/// <param name="quote">What stands before and behind a text; it begins with <c>&lt;</c> and ends with <c>&gt;</c>.</param>
internal sealed class GemmaCallReader(ToolTypes types, string quote) : CallReader
{
    private const string Prefix = "call:";
    private const int MaximumName = 256;
    private readonly StringBuilder _head = new(); // the prefix and the name
    private readonly StringBuilder _word = new(); // a text, a key or another value; or a quote that opens
    private readonly JsonScanner _json = new();
    private string _name = string.Empty;
    private string _key = string.Empty; // of the argument itself; empty inside of it
    private int _depth;
    private bool _isInQuotes;
    private bool _hasKey; // a colon behind it is part of the value

    public override bool HasBegun => _json.HasStarted;

    public override ReaderProgress Feed(char c)
    {
        if (!_json.HasStarted)
        {
            return FeedHead(c);
        }

        if (_json.IsInString)
        {
            return _json.Feed(c);
        }

        if (_isInQuotes)
        {
            return FeedText(c);
        }

        return _word.Length > 0 && _word[0] == quote[0] ? FeedQuote(c) : FeedWord(c);
    }

    public override List<ParsedCall>? Read() => ReadArguments(_json.Text) is { } arguments ? [new ParsedCall(_name, arguments)] : null;

    private ReaderProgress FeedHead(char c)
    {
        if (c == '{' && _head.Length > Prefix.Length)
        {
            _name = _head.ToString(Prefix.Length, _head.Length - Prefix.Length);
            return FeedPunctuation(c);
        }

        if (_head.Length < Prefix.Length ? c != Prefix[_head.Length] : _head.Length > Prefix.Length + MaximumName || char.IsWhiteSpace(c) || c is '<' or '{')
        {
            return ReaderProgress.Failed;
        }

        _head.Append(c);
        return ReaderProgress.More;
    }

    private ReaderProgress FeedText(char c)
    {
        _word.Append(c);
        if (c == quote[^1] && TaggedText.EndsWith(_word, quote))
        {
            _isInQuotes = false;
            _word.Length -= quote.Length;
            Write(ToolTypes.Text(_word.ToString()));
        }

        return ReaderProgress.More;
    }

    private ReaderProgress FeedQuote(char c)
    {
        if (c != quote[_word.Length])
        {
            return ReaderProgress.Failed;
        }

        _word.Append(c);
        if (_word.Length == quote.Length)
        {
            _isInQuotes = true;
            _word.Clear();
        }

        return ReaderProgress.More;
    }

    private ReaderProgress FeedWord(char c)
    {
        switch (c)
        {
            case ':' when _hasKey:
                break;
            case ',' or ':' or '}' or ']':
                EndWord(isKey: c == ':');
                return FeedPunctuation(c);
            case '{' or '[':
                return _word.Length == 0 ? FeedPunctuation(c) : ReaderProgress.Failed;
            case '"' when _word.Length == 0:
                return _json.Feed(c);
            case '<' when _word.Length > 0:
                return ReaderProgress.Failed; // a tag: the brackets before it are not all there
        }

        if (_word.Length > 0 || !char.IsWhiteSpace(c))
        {
            _word.Append(c);
        }

        return ReaderProgress.More;
    }

    private ReaderProgress FeedPunctuation(char c)
    {
        _depth += c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
        _hasKey = c == ':';
        if (!_hasKey)
        {
            _key = string.Empty;
        }

        return _json.Feed(c);
    }

    private void EndWord(bool isKey)
    {
        var word = _word.ToString().TrimEnd();
        if (word.Length == 0)
        {
            return;
        }

        if (isKey)
        {
            _key = _depth == 1 ? word : string.Empty;
            Write(ToolTypes.Text(word));
        }
        else if (word is "null" or "None") // never a text: that has quotes
        {
            Write(default);
        }
        else
        {
            Write((JsonElement)types.Value(_name, _key, word)!);
        }
    }

    private void Write(JsonElement value)
    {
        _word.Clear();
        foreach (var c in value.ValueKind == JsonValueKind.Undefined ? "null" : value.GetRawText())
        {
            _json.Feed(c);
        }
    }
}
