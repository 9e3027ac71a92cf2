using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>name &lt;arg_key&gt;key&lt;/arg_key&gt; &lt;arg_value&gt;value&lt;/arg_value&gt; … &lt;/tool_call&gt;</c>.</summary>
/// <remarks>A value may hold the call's end tag. Models leave out a value's end tag: then the call ends where the output does.</remarks>
internal sealed class GlmCallReader(ToolTypes types) : CallReader
{
    private const string End = "</tool_call>";
    private const string Key = "<arg_key>";
    private const string Value = "<arg_value>";
    private const string ValueEnd = "</arg_value>";
    private const int MaximumName = 256;
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _tag = new(); // the first one
    private bool _isInValue;

    public override bool MayEndHere(bool isCut) => !isCut && _isInValue && _text.ToString().AsSpan().TrimEnd().EndsWith(End);

    public override bool HasBegun => _tag.Length > 0;

    public override ReaderProgress Feed(char c)
    {
        if (_tag.Length == 0 && c != '<' ? !MayBeName(c) : !MayBeTag(c))
        {
            return ReaderProgress.Failed;
        }

        _text.Append(c);
        if (c != '>')
        {
            return ReaderProgress.More;
        }

        if (!_isInValue && TaggedText.EndsWith(_text, End))
        {
            return ReaderProgress.Done;
        }

        _isInValue = TaggedText.EndsWith(_text, Value) || (_isInValue && !TaggedText.EndsWith(_text, ValueEnd));
        return ReaderProgress.More;
    }

    /// <summary>The name is one word.</summary>
    private bool MayBeName(char c)
    {
        var name = _text.ToString();
        return name.Length < MaximumName && c != '{' && (char.IsWhiteSpace(c) || string.IsNullOrWhiteSpace(name) || !char.IsWhiteSpace(name[^1]));
    }

    /// <summary>Behind the name comes a key or the end; what comes behind a key is looked at when all is there.</summary>
    private bool MayBeTag(char c)
    {
        var tag = _tag.ToString();
        if (tag is Key or End)
        {
            return true;
        }

        tag = _tag.Append(c).ToString();
        return Key.StartsWith(tag, StringComparison.Ordinal) || End.StartsWith(tag, StringComparison.Ordinal);
    }

    public override List<ParsedCall>? Read()
    {
        var text = _text.ToString().AsSpan().TrimEnd();
        text = text[..^End.Length];
        var first = text.IndexOf(Key);
        var name = (first < 0 ? text : text[..first]).Trim().ToString();
        if (name.Length == 0)
        {
            return null;
        }

        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        text = first < 0 ? default : text[first..].Trim();
        while (!text.IsEmpty)
        {
            if (!TaggedText.Take(ref text, Key, "</arg_key>", out var key))
            {
                return null;
            }

            if (!TaggedText.Take(ref text, Value, ValueEnd, out var value))
            {
                if (!text.StartsWith(Value))
                {
                    return null;
                }

                value = text[Value.Length..].ToString();
                text = default;
            }

            arguments[key.Trim()] = types.Value(name, key.Trim(), value);
        }

        return [new ParsedCall(name, arguments)];
    }
}
