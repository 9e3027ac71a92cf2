namespace Abi.Llm.Chat.Output;

/// <summary>Reads a list of calls as JSON, or <c>name[ARGS]{…}</c> and <c>name[CALL_ID]…[ARGS]{…}</c>, behind <c>[TOOL_CALLS]</c>.</summary>
internal sealed class MistralCallReader : CallReader
{
    private CallReader? _reader;

    public override bool HasBegun => _reader is { HasBegun: true };

    public override ReaderProgress Feed(char c)
    {
        if (_reader is null)
        {
            if (char.IsWhiteSpace(c))
            {
                return ReaderProgress.More;
            }

            _reader = c is '[' or '{' ? new JsonCallReader() : new NamedCallReader(["[ARGS]", string.Empty], Name);
        }

        return _reader.Feed(c);
    }

    public override List<ParsedCall>? Read() => _reader?.Read();

    private static string? Name(string text)
    {
        var id = text.IndexOf("[CALL_ID]", StringComparison.Ordinal);
        var name = id < 0 ? text : text[..id];
        return name.Any(char.IsWhiteSpace) ? null : name;
    }
}
