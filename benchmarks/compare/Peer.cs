namespace Abi.Compare;

/// <summary>A build of llama.cpp: its name in the table, and the command of its llama-bench.</summary>
internal sealed record Peer(string Name, string Command)
{
    /// <summary>Reads <c>NAME=COMMAND</c>, or a command alone.</summary>
    public static Peer Parse(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        return equals > 0 && (space < 0 || equals < space) ? new Peer(text[..equals], text[(equals + 1)..]) : new Peer("llama.cpp", text);
    }
}
