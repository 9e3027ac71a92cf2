using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>function&lt;｜tool▁sep｜&gt;name ```json {…}</c>, and the later <c>name&lt;｜tool▁sep｜&gt;{…}</c>.</summary>
internal sealed class DeepSeekCallReader : CallReader
{
    private const string Separator = "<｜tool▁sep｜>";
    private const int MaximumHead = 512;
    private readonly StringBuilder _head = new();
    private readonly JsonScanner _scanner = new();

    public override bool HasBegun => _scanner.HasStarted;

    public override ReaderProgress Feed(char c)
    {
        if (_scanner.HasStarted)
        {
            return _scanner.Feed(c);
        }

        if (c == '{')
        {
            return Name() is null ? ReaderProgress.Failed : _scanner.Feed(c);
        }

        _head.Append(c);
        return _head.Length > MaximumHead ? ReaderProgress.Failed : ReaderProgress.More;
    }

    public override List<ParsedCall>? Read() => Name() is { } name && ReadArguments(_scanner.Text) is { } arguments ? [new ParsedCall(name, arguments)] : null;

    private string? Name()
    {
        var head = _head.ToString();
        var at = head.IndexOf(Separator, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        var behind = head[(at + Separator.Length)..].Replace("```json", string.Empty, StringComparison.Ordinal).Replace("```", string.Empty, StringComparison.Ordinal).Trim();
        var name = behind.Length > 0 ? behind : head[..at].Trim();
        return name.Length > 0 && !name.Any(char.IsWhiteSpace) ? name : null;
    }
}
