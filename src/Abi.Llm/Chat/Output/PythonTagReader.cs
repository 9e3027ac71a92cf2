using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads what stands behind <c>&lt;|python_tag|&gt;</c>: a call as JSON, a call like <c>name.call(key="value")</c>, or code up to the end.</summary>
internal sealed partial class PythonTagReader(ToolTypes tools) : CallReader
{
    private const string Invocation = ".call(";
    private static readonly string[] Interpreters = ["python", "ipython", "code_interpreter", "python_interpreter"];

    private readonly StringBuilder _code = new();
    private readonly JsonScanner _scanner = new();

    /// <remarks>Code that was cut off may do anything; a call that has its closing bracket is whole.</remarks>
    public override bool MayEndHere(bool isCut) => !_scanner.HasStarted && (!isCut || ReadInvocation(_code.ToString().TrimEnd()) is not null);

    public override bool HasBegun => _scanner.HasStarted;

    public override ReaderProgress Feed(char c)
    {
        if (_scanner.HasStarted)
        {
            return _scanner.Feed(c);
        }

        if (_code.Length == 0 && (char.IsWhiteSpace(c) || c == '{'))
        {
            return c == '{' ? _scanner.Feed(c) : ReaderProgress.More;
        }

        _code.Append(c);
        return ReaderProgress.More;
    }

    public override List<ParsedCall>? Read()
    {
        if (_scanner.HasStarted)
        {
            return ReadCalls(_scanner.Text);
        }

        var code = _code.ToString().TrimEnd();
        if (ReadInvocation(code) is { } call)
        {
            return [call];
        }

        var interpreter = Array.Find(Interpreters, tools.Has);
        return interpreter is null || code.Length == 0 ? null : [new ParsedCall(interpreter, new Dictionary<string, object?>(StringComparer.Ordinal) { ["code"] = ToolTypes.Text(code) })];
    }

    private ParsedCall? ReadInvocation(ReadOnlySpan<char> code)
    {
        var at = code.IndexOf(Invocation);
        if (at <= 0 || !code.EndsWith(")") || !tools.Has(code[..at].ToString()))
        {
            return null;
        }

        var name = code[..at].ToString();
        var text = code[(at + Invocation.Length)..^1].TrimEnd().TrimEnd(',').TrimEnd().ToString();
        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        if (text.Length == 0)
        {
            return new ParsedCall(name, arguments);
        }

        // an argument goes up to the next comma that has a key behind it and is not inside quotes
        var keys = KeyPattern().Matches(text);
        if (keys.Count == 0 || keys[0].Index > 0)
        {
            return null;
        }

        for (var i = 0; i < keys.Count;)
        {
            var (key, start) = (keys[i].Groups["key"].Value, keys[i].Index + keys[i].Length);
            var isQuoted = start < text.Length && text[start] == '"';
            int end;
            bool isWhole;
            do
            {
                i++;
                for (end = i < keys.Count ? keys[i].Index : text.Length; end > start && char.IsWhiteSpace(text[end - 1]); end--)
                {
                }

                isWhole = !isQuoted || (end > start + 1 && text[end - 1] == '"' && (i == keys.Count || text[end - 2] != '\\'));
            }
            while (i < keys.Count && !isWhole);
            if (!isWhole)
            {
                return null;
            }

            arguments[key] = isQuoted ? ToolTypes.Text(text[(start + 1)..(end - 1)].Replace("\\\"", "\"", StringComparison.Ordinal)) : tools.Value(name, key, text[start..end]);
        }

        return new ParsedCall(name, arguments);
    }

    [GeneratedRegex(@"(^|,)\s*(?<key>\w+)\s*=\s*", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex KeyPattern();
}
