using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>&lt;function=name&gt;{…}</c> or <c>&lt;function=name&gt;&lt;parameter=key&gt;value&lt;/parameter&gt;…&lt;/function&gt;</c>, behind <c>&lt;function=</c>.</summary>
/// <remarks>
/// A value may hold the function's end tag. Models leave out a value's end tag: then the function ends where <c>&lt;/tool_call&gt;</c>, or the end of the output, follows, and the value where the tag of
/// another parameter of the tool begins a line. They leave out the function's end tag, too, where <c>&lt;/tool_call&gt;</c> comes.
/// </remarks>
internal sealed class FunctionCallReader(ToolTypes types) : CallReader
{
    private const string End = "</function>";
    private const string Parameter = "<parameter=";
    private const string ParameterEnd = "</parameter>";
    private const string WrapperEnd = "</tool_call>";
    private const int MaximumName = 256;
    private readonly StringBuilder _name = new();
    private readonly StringBuilder _body = new();
    private readonly StringBuilder _tag = new(); // the tag that is being read, outside of values
    private readonly JsonScanner _scanner = new();
    private bool _hasName;
    private bool _isInValue;

    public override bool MayEndHere(bool isCut) => !isCut && Body().EndsWith(End);

    public override bool HasBegun => _scanner.HasStarted || _body.Length > 0;

    public override ReaderProgress Feed(char c)
    {
        if (_scanner.HasStarted)
        {
            return _scanner.Feed(c);
        }

        if (!_hasName)
        {
            if (c == '>')
            {
                _hasName = true;
                return _name.Length > 0 ? ReaderProgress.More : ReaderProgress.Failed;
            }

            _name.Append(c);
            return _name.Length > MaximumName || char.IsWhiteSpace(c) || c is '<' or '{' ? ReaderProgress.Failed : ReaderProgress.More;
        }

        if (_body.Length == 0 && c == '{')
        {
            return _scanner.Feed(c);
        }

        if (_body.Length == 0 && char.IsWhiteSpace(c))
        {
            return ReaderProgress.More;
        }

        _body.Append(c);
        return _isInValue ? FeedValue(c) : FeedTag(c);
    }

    private ReaderProgress FeedValue(char c)
    {
        if (c != '>')
        {
            return ReaderProgress.More;
        }

        _isInValue = !TaggedText.EndsWith(_body, ParameterEnd);
        return TaggedText.EndsWith(_body, WrapperEnd) && TaggedText.EndsWith(_body, End, before: WrapperEnd.Length) ? ReaderProgress.Done : ReaderProgress.More;
    }

    /// <summary>Outside of values stand the tags of parameters and the function's end tag.</summary>
    private ReaderProgress FeedTag(char c)
    {
        if (_tag.Length == 0 && char.IsWhiteSpace(c))
        {
            return ReaderProgress.More;
        }

        var tag = _tag.Append(c).ToString();
        if (tag is End or WrapperEnd)
        {
            return ReaderProgress.Done;
        }

        if (tag.Length > Parameter.Length && c == '>')
        {
            _tag.Clear();
            _isInValue = true;
            return ReaderProgress.More;
        }

        return tag.Length <= Parameter.Length + MaximumName && (tag.StartsWith(Parameter, StringComparison.Ordinal) || Parameter.StartsWith(tag, StringComparison.Ordinal) || End.StartsWith(tag, StringComparison.Ordinal) || WrapperEnd.StartsWith(tag, StringComparison.Ordinal))
            ? ReaderProgress.More
            : ReaderProgress.Failed;
    }

    public override List<ParsedCall>? Read()
    {
        var name = _name.ToString().Trim('"');
        var arguments = _scanner.HasStarted ? ReadArguments(_scanner.Text) : ReadParameters(name);
        return arguments is null ? null : [new ParsedCall(name, arguments)];
    }

    /// <summary>The parameters, without an end tag of what is around the function.</summary>
    private ReadOnlySpan<char> Body()
    {
        var text = _body.ToString().AsSpan().TrimEnd();
        return text.EndsWith(WrapperEnd) ? text[..^WrapperEnd.Length].TrimEnd() : text;
    }

    private Dictionary<string, object?>? ReadParameters(string tool)
    {
        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        var text = Body();
        text = (text.EndsWith(End) ? text[..^End.Length] : text).Trim();
        while (!text.IsEmpty)
        {
            var nameEnd = text.IndexOf('>');
            if (!text.StartsWith(Parameter) || nameEnd < 0)
            {
                return null;
            }

            var key = text[Parameter.Length..nameEnd].Trim().ToString();
            text = text[(nameEnd + 1)..];
            var end = text.IndexOf(ParameterEnd);
            var value = end < 0 ? text : text[..end];
            if (FindNext(value, name => name != key && !arguments.ContainsKey(name) && types.Has(tool, name)) is var next and >= 0)
            {
                value = text[..next];
                text = text[next..];
            }
            else
            {
                text = end < 0 ? default : text[(end + ParameterEnd.Length)..].TrimStart();
            }

            arguments[key] = types.Value(tool, key, TaggedText.Unwrap(value));
        }

        return arguments;
    }

    /// <summary>Where in a value that was not ended another parameter's tag begins a line; -1 for nowhere. Other tags are text, since a value may speak of them.</summary>
    private static int FindNext(ReadOnlySpan<char> value, Func<string, bool> isAnother)
    {
        for (var at = value.IndexOf("\n" + Parameter) + 1; at > 0;)
        {
            var rest = value[(at + Parameter.Length)..];
            if (rest[..Math.Min(rest.Length, MaximumName + 1)].IndexOf('>') is var length and > 0 && isAnother(rest[..length].Trim().ToString()))
            {
                return at;
            }

            var next = rest.IndexOf("\n" + Parameter);
            at = next < 0 ? -1 : at + Parameter.Length + next + 1;
        }

        return -1;
    }
}
