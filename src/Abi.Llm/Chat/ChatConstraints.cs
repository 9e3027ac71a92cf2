using System.Text;
using Abi.Llm.Grammars;

namespace Abi.Llm.Chat;

/// <summary>Keeps the grammars of former requests: compiling one takes longer than a request does.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class ChatConstraints
{
    private const int Most = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Key, Grammar Grammar)>> _known = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Key, Grammar Grammar)> _recent = []; // the one used last in front

    /// <summary>The grammar of a request; null when it asks for none.</summary>
    public Grammar? Of(ChatRequest request, ChatDialect dialect, string prompt)
    {
        if (request.ResponseSchema is null && request.RequiredTool is null)
        {
            return null;
        }

        var key = Key(request, dialect, prompt);
        lock (_gate)
        {
            if (_known.TryGetValue(key, out var node))
            {
                _recent.Remove(node);
                _recent.AddFirst(node);
                return node.Value.Grammar;
            }
        }

        var grammar = ChatConstraint.Make(request, dialect, prompt)!;
        lock (_gate)
        {
            if (_known.TryAdd(key, null!))
            {
                _known[key] = _recent.AddFirst((key, grammar));
                if (_recent.Count > Most)
                {
                    _known.Remove(_recent.Last!.Value.Key);
                    _recent.RemoveLast();
                }
            }
        }

        return grammar;
    }

    private static string Key(ChatRequest request, ChatDialect dialect, string prompt)
    {
        var key = new StringBuilder($"{dialect.Format} {dialect.Syntax.EndsReasoning(prompt)} {request.SingleCall}");
        Add(dialect.Syntax.ClosingTag(prompt));
        Add(request.RequiredTool);
        Add(request.ResponseSchema?.GetRawText());
        foreach (var tool in request.Tools)
        {
            Add(tool.Name);
            Add(tool.JsonSchema.ValueKind == System.Text.Json.JsonValueKind.Undefined ? null : tool.JsonSchema.GetRawText());
        }

        return key.ToString();

        // with its length, so that no text can say what others say together
        void Add(string? text) => key.Append(' ').Append(text?.Length ?? -1).Append(':').Append(text);
    }
}
