using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>&lt;function=name&gt;{…}</c> or <c>&lt;function=name&gt;&lt;parameter=key&gt;value&lt;/parameter&gt;…&lt;/function&gt;</c>, behind <c>&lt;function=</c>.</summary>
internal sealed class FunctionCallReader(ToolTypes types) : CallReader
{
    private const string End = "</function>";
    private const int MaximumName = 256;
    private readonly StringBuilder _name = new();
    private readonly StringBuilder _body = new();
    private readonly JsonScanner _scanner = new();
    private bool _hasName;

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

        if (_body.Length == 0)
        {
            if (char.IsWhiteSpace(c))
            {
                return ReaderProgress.More;
            }

            if (c == '{')
            {
                return _scanner.Feed(c);
            }

            if (c != '<')
            {
                return ReaderProgress.Failed;
            }
        }

        _body.Append(c);
        return c == '>' && TaggedText.EndsWith(_body, End) ? ReaderProgress.Done : ReaderProgress.More;
    }

    public override List<ParsedCall>? Read()
    {
        var name = _name.ToString().Trim('"');
        var arguments = _scanner.HasStarted ? ReadArguments(_scanner.Text) : ReadParameters(name);
        return arguments is null ? null : [new ParsedCall(name, arguments)];
    }

    private Dictionary<string, object?>? ReadParameters(string tool)
    {
        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        var text = _body.ToString().AsSpan()[..^End.Length].Trim();
        while (!text.IsEmpty)
        {
            var nameEnd = text.IndexOf('>');
            if (!text.StartsWith("<parameter=") || nameEnd < 0)
            {
                return null;
            }

            var key = text["<parameter=".Length..nameEnd].Trim().ToString();
            text = text[(nameEnd + 1)..];
            var end = text.IndexOf("</parameter>");
            var value = end < 0 ? text : text[..end];
            arguments[key] = types.Value(tool, key, TaggedText.Unwrap(value));
            text = end < 0 ? default : text[(end + "</parameter>".Length)..].TrimStart();
        }

        return arguments;
    }
}
