using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat.Output;

/// <summary>
/// Takes a model's output as it comes and gives it out as text, reasoning and whole calls of tools. Text is given out as soon as it cannot be the beginning of something else.
/// </summary>
/// <remarks>
/// For one thread at a time. Works character by character, so that the result does not depend on how the output was cut into pieces, in time proportional to its length. Whatever a model writes,
/// nothing is thrown: what is not a call after all is text, and a call that the end of the output cut off is an <see cref="ErrorContent"/>.
/// </remarks>
internal abstract class ChatOutputParser
{
    /// <summary>The most calls in one response; what follows is text.</summary>
    public const int MaximumCalls = 128;

    /// <summary>The longest call; a longer one is text.</summary>
    public const int MaximumCallLength = 1 << 20;

    private readonly HashSet<string> _ids; // of calls, in the conversation so far and in the output
    private readonly StringBuilder _text = new();
    private List<AIContent> _output = [];
    private bool _textIsReasoning;

    /// <summary>Starts an output.</summary>
    /// <param name="knownIds">The ids of the calls in the conversation: a new call gets another, whatever id its model writes, since calls and results are matched by it over the whole conversation.</param>
    protected ChatOutputParser(IEnumerable<string> knownIds) => _ids = new HashSet<string>(knownIds, StringComparer.Ordinal);

    /// <summary>The code of the <see cref="ErrorContent"/> for a call that was cut off.</summary>
    public const string IncompleteCallCode = "incomplete_tool_call";

    /// <summary>Whether the output stands inside reasoning now.</summary>
    public abstract bool IsReasoning { get; }

    /// <summary>The number of calls so far.</summary>
    public int CallCount { get; private set; }

    /// <summary>Whether the model said, in its way of calling tools, that it calls none: its answer is still to come, to a prompt without tools.</summary>
    public bool HasDeclinedTools { get; protected set; }

    /// <summary>Takes a piece of the output.</summary>
    /// <returns>What it made certain.</returns>
    public List<AIContent> Push(ReadOnlySpan<char> piece)
    {
        foreach (var c in piece)
        {
            Take(c);
        }

        return Drain();
    }

    /// <summary>Ends the output.</summary>
    /// <param name="isCut">Whether it was cut off there: then the end of the output ends no call.</param>
    /// <returns>What was held back.</returns>
    public List<AIContent> Finish(bool isCut = false)
    {
        End(isCut);
        return Drain();
    }

    protected abstract void Take(char c);

    protected abstract void End(bool isCut);

    /// <summary>Gives out text or reasoning.</summary>
    protected void Write(ReadOnlySpan<char> text, bool isReasoning)
    {
        if (text.IsEmpty)
        {
            return;
        }

        if (_textIsReasoning != isReasoning)
        {
            FlushText();
        }

        _textIsReasoning = isReasoning;
        _text.Append(text);
    }

    /// <summary>Gives out a call.</summary>
    protected void Write(ParsedCall call)
    {
        FlushText();
        var id = call.Id is { Length: > 0 and <= 64 } given && _ids.Add(given) ? given : NewId();
        CallCount++;
        _output.Add(new FunctionCallContent(id, call.Name, call.Arguments));
    }

    /// <summary>Says that a call is not complete.</summary>
    protected void WriteIncomplete(string raw, bool isCut)
    {
        FlushText();
        var message = "The output ended inside the call of a tool; the call is not complete. " + (isCut ? "Allow more output tokens." : "The model itself ended it there: ask again.");
        _output.Add(new ErrorContent(message) { ErrorCode = IncompleteCallCode, Details = raw });
    }

    /// <summary>Nine letters and digits, the one form that every template takes.</summary>
    private string NewId()
    {
        while (true)
        {
            var id = RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 9);
            if (_ids.Add(id))
            {
                return id;
            }
        }
    }

    private List<AIContent> Drain()
    {
        FlushText();
        var output = _output;
        _output = [];
        return output;
    }

    private void FlushText()
    {
        if (_text.Length > 0)
        {
            _output.Add(_textIsReasoning ? new TextReasoningContent(_text.ToString()) : new TextContent(_text.ToString()));
            _text.Clear();
        }
    }
}
