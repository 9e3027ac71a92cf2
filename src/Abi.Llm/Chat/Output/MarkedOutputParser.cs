using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Llm.Chat.Output;

/// <summary>Takes output apart by marks that begin and end its parts.</summary>
internal sealed partial class MarkedOutputParser : ChatOutputParser
{
    private static readonly string[] BareKeys = ["\"name\"", "\"type\"", "\"function\"", "\"parameters\"", "\"arguments\"", "\"id\""];

    private readonly ChatOutputSyntax _syntax;
    private readonly ToolTypes _tools;
    private readonly string _firsts;               // the characters that marks begin with
    private readonly char[] _held;                 // may become a mark: [the longest mark's length]
    private readonly StringBuilder _space = new(); // white space, and marks around calls, that count only if text follows
    private readonly StringBuilder _raw = new();   // the call being read, its mark included
    private int _heldLength;
    private CallReader? _reader;
    private bool _isBare;
    private string? _reasoningClose;
    private bool _isAtStart = true;  // nothing visible since the beginning, reasoning or a call
    private bool _dropsSpace;        // white space behind reasoning or a call belongs to the format
    private bool _isAfterCall;
    private bool _hasReasoned;       // reasoning was given out since it began

    /// <summary>Starts an output.</summary>
    /// <param name="syntax">The marks.</param>
    /// <param name="tools">The tools of the request; when there are none, nothing is a call.</param>
    /// <param name="prompt">The prompt that the output goes on from: it may have begun the reasoning.</param>
    /// <param name="knownIds">The ids of the calls in the conversation.</param>
    public MarkedOutputParser(ChatOutputSyntax syntax, ToolTypes tools, string prompt, IEnumerable<string> knownIds)
        : base(knownIds)
    {
        _syntax = tools.IsEmpty ? syntax with { Calls = [], HasBareCalls = false } : syntax;
        _tools = tools;
        _firsts = string.Concat(_syntax.Marks.Select(mark => mark[0]).Distinct());
        _held = new char[_syntax.Marks.Select(mark => mark.Length).DefaultIfEmpty().Max()];
        _reasoningClose = syntax.ClosingTag(prompt);
        _dropsSpace = _reasoningClose is not null;
    }

    public override bool IsReasoning => _reasoningClose is not null;

    protected override void Take(char c)
    {
        if (_reader is not null)
        {
            TakeCall(c);
            return;
        }

        if (_heldLength == 0 && !_firsts.Contains(c))
        {
            TakeText(c);
            return;
        }

        _held[_heldLength++] = c; // there is room: what is held is shorter than a mark that it may become
        while (_heldLength > 0)
        {
            ReadOnlySpan<char> held = _held.AsSpan(0, _heldLength);
            var isPrefix = false;
            foreach (var mark in Marks())
            {
                if (!mark.StartsWith(held))
                {
                    continue;
                }

                if (mark.Length == held.Length)
                {
                    _heldLength = 0;
                    TakeMark(mark);
                    return;
                }

                isPrefix = true;
            }

            if (isPrefix)
            {
                return;
            }

            TakeText(_held[0]); // no bare call: no mark begins with a brace, and none comes behind other text
            held[1..].CopyTo(_held);
            _heldLength--;
        }
    }

    protected override void End(bool isCut)
    {
        if (_reader is not null)
        {
            var mayEnd = _reader.MayEndHere(isCut);
            var calls = mayEnd ? _reader.Read() : null;
            if (calls is not null)
            {
                WriteCalls(calls);
            }
            else if (mayEnd || (!isCut && !_reader.HasBegun))
            {
                ReleaseRaw();
            }
            else
            {
                WriteIncomplete(_raw.ToString(), isCut);
            }

            _reader = null;
            return;
        }

        foreach (var c in _held.AsSpan(0, _heldLength))
        {
            TakeText(c);
        }

        if (_reasoningClose is null && !_dropsSpace)
        {
            Write(_space.ToString(), isReasoning: false);
        }
    }

    private IEnumerable<string> Marks()
    {
        if (_reasoningClose is not null)
        {
            yield return _reasoningClose;
            if (!_hasReasoned)
            {
                yield return _syntax.Reasoning.First(pair => pair.Close == _reasoningClose).Open; // a model may repeat what the prompt began
            }

            yield break;
        }

        foreach (var (open, _) in _syntax.Calls)
        {
            yield return open;
        }

        foreach (var (open, _) in _syntax.Reasoning)
        {
            if (_isAtStart)
            {
                yield return open;
            }
        }

        foreach (var mark in _syntax.Dropped)
        {
            // fences mean something behind calls only
            if (_isAfterCall || (!_syntax.Calls.IsEmpty && mark != "```") || ChatOutputSyntax.IsWrapper(mark))
            {
                yield return mark;
            }
        }
    }

    private void TakeMark(string mark)
    {
        if (_reasoningClose is not null)
        {
            if (mark == _reasoningClose)
            {
                _reasoningClose = null;
                Boundary();
            }

            return;
        }

        foreach (var (open, reader) in _syntax.Calls)
        {
            if (mark == open && CallCount < MaximumCalls)
            {
                _reader = reader(_tools);
                _raw.Clear().Append(mark);
                return;
            }
        }

        foreach (var (open, close) in _syntax.Reasoning)
        {
            if (mark == open)
            {
                _reasoningClose = close;
                _hasReasoned = false;
                Boundary();
                return;
            }
        }

        if (!_syntax.Dropped.AsSpan().Contains(mark))
        {
            foreach (var c in mark)
            {
                TakeText(c); // one call too many
            }

            return;
        }

        if (_isAfterCall || ChatOutputSyntax.IsWrapper(mark))
        {
            _dropsSpace |= _isAtStart;
            return;
        }

        // it is part of a call that follows at once, else of the text
        if (_dropsSpace)
        {
            _space.Clear();
            _dropsSpace = false;
        }

        _space.Append(mark);
    }

    private void Boundary()
    {
        _space.Clear();
        _isAtStart = true;
        _dropsSpace = true;
        _isAfterCall = false;
    }

    private void TakeText(char c)
    {
        if (char.IsWhiteSpace(c))
        {
            _space.Append(c);
            return;
        }

        if (_reasoningClose is null && _isAtStart && !_isBare && _syntax.HasBareCalls && CallCount < MaximumCalls)
        {
            if (c == '{')
            {
                _isBare = true;
                _raw.Clear();
                _reader = new JsonCallReader("{");
                TakeCall(c);
                return;
            }

            if (_isAfterCall && c is ';' or ',')
            {
                return; // between two calls
            }
        }

        if (!_dropsSpace)
        {
            Write(_space.ToString(), IsReasoning);
        }

        _space.Clear();
        Write([c], IsReasoning);
        _dropsSpace = false;
        _hasReasoned = true;
        _isAtStart &= IsReasoning;
        _isAfterCall = false;
    }

    private void TakeCall(char c)
    {
        var progress = _raw.Length >= MaximumCallLength ? ReaderProgress.Failed : _reader!.Feed(c);
        if (progress == ReaderProgress.Failed)
        {
            ReleaseRaw();
            Take(c);
            return;
        }

        _raw.Append(c);
        if (progress == ReaderProgress.More)
        {
            if (_isBare && !CouldBeBareCall())
            {
                ReleaseRaw();
            }

            return;
        }

        var calls = _reader!.Read();
        if (calls is null || (_isBare && !calls.TrueForAll(call => _tools.Has(call.Name))))
        {
            ReleaseRaw();
            return;
        }

        WriteCalls(calls);
    }

    private void WriteCalls(List<ParsedCall> calls)
    {
        _reader = null;
        _isBare = false;
        Boundary();
        _isAfterCall = true;
        foreach (var call in calls)
        {
            if (_syntax.NoCalls.AsSpan().Contains(call.Name) && !_tools.Has(call.Name))
            {
                HasDeclinedTools = true;
            }
            else
            {
                Write(call);
            }
        }
    }

    /// <summary>What was taken for a call is text.</summary>
    private void ReleaseRaw()
    {
        _reader = null;
        if (!_dropsSpace)
        {
            Write(_space.ToString(), isReasoning: false);
        }

        _space.Clear();
        Write(_raw.ToString(), isReasoning: false);
        _raw.Clear();
        _isBare = false;
        _isAtStart = false;
        _dropsSpace = false;
        _isAfterCall = false;
    }

    /// <summary>Whether an object that has just begun may still be a call: its first key decides, and a tool's name where that comes early.</summary>
    private bool CouldBeBareCall()
    {
        if (_raw.Length > 256)
        {
            return true; // decided before
        }

        var raw = _raw.ToString();
        if (raw[^1] == '"' && NamePattern().Match(raw) is { Success: true } name && !_tools.Has(name.Groups["tool"].Value))
        {
            return false;
        }

        var text = raw.AsSpan(1).TrimStart();
        foreach (var key in BareKeys)
        {
            if (text.StartsWith(key) || key.AsSpan().StartsWith(text))
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex("""^\{\s*("(id|type)"\s*:\s*"[^"\\]*"\s*,\s*)*"(name|function)"\s*:\s*"(?<tool>[^"\\]*)"$""", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex NamePattern();
}
