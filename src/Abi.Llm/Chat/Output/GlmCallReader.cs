using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads <c>name &lt;arg_key&gt;key&lt;/arg_key&gt; &lt;arg_value&gt;value&lt;/arg_value&gt; … &lt;/tool_call&gt;</c>.</summary>
internal sealed class GlmCallReader(ToolTypes types) : CallReader
{
    private const string End = "</tool_call>";
    private readonly StringBuilder _text = new();

    public override ReaderProgress Feed(char c)
    {
        _text.Append(c);
        return c == '>' && TaggedText.EndsWith(_text, End) ? ReaderProgress.Done : ReaderProgress.More;
    }

    public override List<ParsedCall>? Read()
    {
        var text = _text.ToString().AsSpan();
        text = text.EndsWith(End) ? text[..^End.Length] : text;
        var first = text.IndexOf("<arg_key>");
        var name = (first < 0 ? text : text[..first]).Trim().ToString();
        if (name.Length == 0 || name.Any(c => char.IsWhiteSpace(c) || c is '{' or '<'))
        {
            return null;
        }

        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        text = first < 0 ? default : text[first..].Trim();
        while (!text.IsEmpty)
        {
            if (!TaggedText.Take(ref text, "<arg_key>", "</arg_key>", out var key) || !TaggedText.Take(ref text, "<arg_value>", "</arg_value>", out var value))
            {
                return null;
            }

            arguments[key.Trim()] = types.Value(name, key.Trim(), value);
        }

        return [new ParsedCall(name, arguments)];
    }
}
