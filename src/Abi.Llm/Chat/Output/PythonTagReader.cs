using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads what stands behind <c>&lt;|python_tag|&gt;</c>: a call as JSON, a call like <c>name.call(key="value")</c>, or code up to the end.</summary>
internal sealed class PythonTagReader(ToolTypes tools) : CallReader
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
        var rest = code[(at + Invocation.Length)..^1].Trim();
        Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
        while (!rest.IsEmpty)
        {
            var equals = rest.IndexOf('=');
            if (equals <= 0)
            {
                return null;
            }

            var key = rest[..equals].Trim().ToString();
            rest = rest[(equals + 1)..].TrimStart();
            var isQuoted = rest.StartsWith("\"");
            var end = isQuoted ? rest[1..].IndexOf('"') : rest.IndexOf(',');
            if (isQuoted && end < 0)
            {
                return null;
            }

            var value = (isQuoted ? rest.Slice(1, end) : end < 0 ? rest : rest[..end]).ToString();
            arguments[key] = isQuoted ? ToolTypes.Text(value) : tools.Value(name, key, value.Trim());
            rest = isQuoted ? rest[(end + 2)..] : end < 0 ? default : rest[end..];
            rest = rest.TrimStart().TrimStart(',').TrimStart();
        }

        return new ParsedCall(name, arguments);
    }
}
