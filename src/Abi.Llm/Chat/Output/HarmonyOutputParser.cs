using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>
/// Takes apart messages on channels, as gpt-oss writes them: <c>&lt;|channel|&gt;analysis&lt;|message|&gt;…&lt;|end|&gt;&lt;|start|&gt;assistant&lt;|channel|&gt;final&lt;|message|&gt;…</c>.
/// The analysis channel is reasoning, a message to a recipient is a call, anything else is text.
/// </summary>
internal sealed class HarmonyOutputParser(ToolTypes tools, IEnumerable<string> knownIds) : ChatOutputParser(knownIds)
{
    private const string Message = "<|message|>";
    private const string Channel = "<|channel|>";
    private const int MaximumHeader = 512;
    private static readonly string[] Beginnings = ["<|", "assistant<|", "assistant to=", "to="]; // of a header
    private static readonly string[] Ends = ["<|end|>", "<|call|>", "<|return|>", "<|start|>"];

    private readonly StringBuilder _header = new();
    private readonly StringBuilder _held = new(); // may become a mark that ends the message
    private readonly StringBuilder _call = new();
    private bool _isInBody;
    private bool _isReasoning;
    private string? _recipient;

    /// <summary>The marks of the format.</summary>
    public static IReadOnlyList<string> Marks { get; } = [Message, Channel, .. Ends, "<|constrain|>"];

    public override bool IsReasoning => _isInBody && _isReasoning;

    protected override void Take(char c)
    {
        if (_isInBody)
        {
            TakeBody(c);
            return;
        }

        _header.Append(c);
        if (c == '>' && TaggedText.EndsWith(_header, Message))
        {
            Begin(_header.ToString());
            _header.Clear();
        }
        else if (!CouldBeHeader())
        {
            // a model that forgot its channels: text
            var text = _header.ToString();
            _header.Clear();
            Begin(string.Empty);
            foreach (var next in text)
            {
                TakeBody(next);
            }
        }
    }

    protected override void End(bool isCut)
    {
        if (!_isInBody)
        {
            var rest = _header.ToString();
            if (!rest.Contains("<|", StringComparison.Ordinal) && !string.IsNullOrWhiteSpace(rest))
            {
                Write(rest, isReasoning: false);
            }

            return;
        }

        foreach (var c in _held.ToString())
        {
            Body(c);
        }

        EndMessage(isLast: true, isCut);
    }

    /// <summary>A header begins with a mark, a role, a recipient or a channel, and is short.</summary>
    private bool CouldBeHeader()
    {
        if (_header.Length > MaximumHeader)
        {
            return false;
        }

        var text = _header.ToString().TrimStart();
        return Array.Exists(Beginnings, beginning => text.StartsWith(beginning, StringComparison.Ordinal) || beginning.StartsWith(text, StringComparison.Ordinal));
    }

    private void Begin(string header)
    {
        _isInBody = true;
        _held.Clear();
        _call.Clear();
        var channel = header.IndexOf(Channel, StringComparison.Ordinal);
        _isReasoning = channel >= 0 && header.AsSpan(channel + Channel.Length).TrimStart().StartsWith("analysis");
        _recipient = null;
        var to = header.IndexOf("to=", StringComparison.Ordinal);
        if (to >= 0)
        {
            var name = header.AsSpan(to + 3);
            var end = name.IndexOfAny(" \n\t<");
            name = end < 0 ? name : name[..end];
            name = name.StartsWith("functions.") ? name["functions.".Length..] : name;
            _recipient = name.IsEmpty || name.SequenceEqual("assistant") || name.SequenceEqual("user") || name.SequenceEqual("all") || tools.IsEmpty ? null : name.ToString();
        }
    }

    private void TakeBody(char c)
    {
        _held.Append(c);
        while (_held.Length > 0)
        {
            var held = _held.ToString();
            if (Array.IndexOf(Ends, held) is var end and >= 0)
            {
                EndMessage(isLast: false, isCut: false);
                _isInBody = false;
                _held.Clear();
                _header.Clear().Append(Ends[end] == "<|start|>" ? held : string.Empty);
                return;
            }

            if (Array.Exists(Ends, mark => mark.StartsWith(held, StringComparison.Ordinal)))
            {
                return;
            }

            Body(_held[0]);
            _held.Remove(0, 1);
        }
    }

    private void Body(char c)
    {
        if (_recipient is null)
        {
            Write([c], _isReasoning);
            return;
        }

        _call.Append(c);
        if (_call.Length > MaximumCallLength)
        {
            Write(_call.ToString(), isReasoning: false);
            _call.Clear();
            _recipient = null;
            _isReasoning = false;
        }
    }

    private void EndMessage(bool isLast, bool isCut)
    {
        if (_recipient is not { } name)
        {
            return;
        }

        _recipient = null;
        var text = _call.ToString();
        if (CallCount < MaximumCalls && Arguments(name, text, isCut) is { } arguments)
        {
            Write(new ParsedCall(name, arguments));
        }
        else if (isLast && CallCount < MaximumCalls)
        {
            WriteIncomplete(text, isCut);
        }
        else
        {
            Write(text, isReasoning: false);
        }
    }

    /// <summary>The arguments of a call; null when there are none that it can be made with. Only JSON tells of itself that it is whole.</summary>
    private static Dictionary<string, object?>? Arguments(string name, string text, bool isCut)
    {
        if (!string.IsNullOrWhiteSpace(text) && CallReader.ReadArguments(JsonScanner.Read(text) ?? text) is { } arguments)
        {
            return arguments;
        }

        return isCut ? null
            : string.IsNullOrWhiteSpace(text) ? []
            : name == "python" ? new Dictionary<string, object?>(StringComparer.Ordinal) { ["code"] = ToolTypes.Text(text) }
            : null;
    }
}
