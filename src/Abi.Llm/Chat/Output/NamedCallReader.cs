using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads a name, a separator, and the arguments as JSON.</summary>
/// <param name="separators">What may stand behind the name; one that begins with another is listed before it. An empty one means that the JSON itself ends the name.</param>
/// <param name="clean">Makes the tool's name of what was read; null when it is none.</param>
internal sealed class NamedCallReader(string[] separators, Func<string, string?> clean) : CallReader
{
    private const int MaximumName = 256;
    private readonly StringBuilder _head = new();
    private readonly JsonScanner _scanner = new();
    private string? _name;

    public override bool HasBegun => _scanner.HasStarted;

    public override ReaderProgress Feed(char c)
    {
        if (_scanner.HasStarted)
        {
            return _scanner.Feed(c);
        }

        if (_name is not null)
        {
            return char.IsWhiteSpace(c) ? ReaderProgress.More : c == '{' ? _scanner.Feed(c) : ReaderProgress.Failed;
        }

        if (c == '{' && separators.Contains(string.Empty))
        {
            return TakeName(_head.ToString()) ? _scanner.Feed(c) : ReaderProgress.Failed;
        }

        _head.Append(c);
        var head = _head.ToString();
        foreach (var separator in separators)
        {
            if (separator.Length > 0 && head.EndsWith(separator, StringComparison.Ordinal))
            {
                return TakeName(head[..^separator.Length]) ? ReaderProgress.More : ReaderProgress.Failed;
            }
        }

        return _head.Length > MaximumName ? ReaderProgress.Failed : ReaderProgress.More;
    }

    public override List<ParsedCall>? Read() => _name is not null && ReadArguments(_scanner.Text) is { } arguments ? [new ParsedCall(_name, arguments)] : null;

    private bool TakeName(string text) => (_name = clean(text.Trim())) is { Length: > 0 };
}
