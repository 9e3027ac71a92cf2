namespace Abi.Llm.Chat.Output;

/// <summary>Reads a call, or a list of calls, that is one piece of JSON, perhaps between fences (<c>```json</c>).</summary>
/// <param name="begins">The characters that it may begin with.</param>
/// <param name="hasFence">Whether a fence comes first.</param>
internal sealed class JsonCallReader(string begins = "{[", bool hasFence = false) : CallReader
{
    private readonly JsonScanner _scanner = new();
    private string _fence = string.Empty;

    public override bool HasBegun => _scanner.HasStarted;

    public override ReaderProgress Feed(char c)
    {
        if (_scanner.HasStarted)
        {
            return _scanner.Feed(c);
        }

        if (char.IsWhiteSpace(c) && _fence is "" or "```" or "```json")
        {
            return ReaderProgress.More;
        }

        if (hasFence && _fence != "```json" && "```json".StartsWith(_fence + c, StringComparison.Ordinal))
        {
            _fence += c;
            return ReaderProgress.More;
        }

        return begins.Contains(c) && (!hasFence || _fence is "```" or "```json") ? _scanner.Feed(c) : ReaderProgress.Failed;
    }

    public override List<ParsedCall>? Read() => ReadCalls(_scanner.Text);
}
