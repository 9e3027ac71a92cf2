using Abi.Llm.Chat.Output;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>One response on its way: pieces of the model's output in, updates out, the last one with reason and usage.</summary>
/// <remarks>For one reader.</remarks>
internal sealed class ChatRun : IAsyncDisposable
{
    private readonly IAsyncEnumerator<GeneratedPiece> _pieces;
    private readonly ChatOutputParser _parser;
    private readonly ChatRequest _request;
    private readonly string _modelId;
    private readonly DateTimeOffset _created;
    private readonly UsageDetails? _before;
    private readonly string _messageId = $"msg_{Guid.NewGuid():n}";
    private int _calls;
    private int _outputTokens;
    private int _reasoningTokens;
    private bool _isOver;
    private bool _isFinished;
    private GenerationOutcome? _outcome;

    public ChatRun(
        IAsyncEnumerable<GeneratedPiece> pieces, ChatOutputParser parser, ChatRequest request, int promptTokens, string modelId, DateTimeOffset created, UsageDetails? before, CancellationToken cancellationToken)
    {
        _pieces = pieces.GetAsyncEnumerator(cancellationToken);
        _parser = parser;
        _request = request;
        _modelId = modelId;
        _created = created;
        _before = before;
        Usage = new UsageDetails { InputTokenCount = promptTokens };
    }

    public string ResponseId { get; } = $"resp_{Guid.NewGuid():n}";

    /// <summary>Complete when the last update has been taken.</summary>
    public UsageDetails Usage { get; }

    /// <summary>The next update; null at the end.</summary>
    public async ValueTask<ChatResponseUpdate?> NextAsync()
    {
        while (!_isOver)
        {
            if (!await _pieces.MoveNextAsync().ConfigureAwait(false))
            {
                _isOver = true;
                if (Update(_parser.Finish(isCut: _outcome is { FinishReason: not FinishReason.StopToken }), null) is { } rest)
                {
                    return rest;
                }

                break;
            }

            var piece = _pieces.Current;
            var wasReasoning = _parser.IsReasoning;
            var contents = _parser.Push(piece.Text);
            _outputTokens += piece.Tokens.Length;
            _reasoningTokens += wasReasoning || _parser.IsReasoning ? piece.Tokens.Length : 0;
            _outcome = piece.Outcome ?? _outcome;
            if (Update(contents, piece) is { } update)
            {
                return update;
            }
        }

        if (_isFinished)
        {
            return null;
        }

        _isFinished = true;
        return Last();
    }

    /// <summary>Whether the model made no call but said that it needs none: it has to be asked again, without tools.</summary>
    public bool HasDeclinedTools => _parser.HasDeclinedTools && _calls == 0;

    public ValueTask DisposeAsync() => _pieces.DisposeAsync();

    private ChatResponseUpdate? Update(List<AIContent> contents, GeneratedPiece? piece)
    {
        List<AIContent> shown = [];
        foreach (var content in contents)
        {
            if (_request.SingleCall && _calls > 0)
            {
                break; // nothing may follow the one call
            }

            if (content is TextReasoningContent && !_request.ShowsReasoning)
            {
                continue;
            }

            _calls += content is FunctionCallContent ? 1 : 0;
            shown.Add(content);
        }

        _isOver |= _request.SingleCall && _calls > 0;
        return shown.Count == 0 ? null : New(shown, piece);
    }

    private ChatResponseUpdate Last()
    {
        Usage.InputTokenCount = _outcome?.Usage.PromptTokens ?? Usage.InputTokenCount;
        Usage.CachedInputTokenCount = _outcome?.Usage.CachedTokens;
        Usage.OutputTokenCount = _outcome?.Usage.GeneratedTokens ?? _outputTokens;
        Usage.TotalTokenCount = Usage.InputTokenCount + Usage.OutputTokenCount;
        Usage.ReasoningTokenCount = _reasoningTokens;
        if (_before is not null)
        {
            Usage.Add(_before);
        }

        var update = New([new UsageContent(Usage)], _outcome);
        update.FinishReason = _calls > 0 ? ChatFinishReason.ToolCalls
            : _outcome?.FinishReason is FinishReason.Length or FinishReason.ContextFull or FinishReason.TimeLimit ? ChatFinishReason.Length
            : ChatFinishReason.Stop;
        if (_outcome is { } outcome)
        {
            update.AdditionalProperties = new AdditionalPropertiesDictionary { ["seed"] = outcome.Seed };
        }

        return update;
    }

    private ChatResponseUpdate New(List<AIContent> contents, object? raw) => new(ChatRole.Assistant, contents)
    {
        ResponseId = ResponseId,
        MessageId = _messageId,
        ModelId = _modelId,
        CreatedAt = _created,
        RawRepresentation = raw,
    };
}
