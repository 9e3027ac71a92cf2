using System.Runtime.CompilerServices;
using Abi.Llm.Chat.Output;
using Abi.Llm.Telemetry;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>A loaded model as an <see cref="IChatClient"/>: its own chat template, tools, reasoning, streaming and usage, with every member of <see cref="ChatOptions"/> honoured or refused by name.</summary>
/// <remarks>
/// Thread-safe: any number of requests at once share the model. Messages and options are not changed. The client keeps nothing between requests; what a conversation shares with a former request is not
/// computed again. It never calls a tool itself: wrap it in <see cref="ToolLoopChatClient"/>, or in the function-invoking client of another library.
/// </remarks>
public sealed class AbiChatClient : IChatClient
{
    private readonly IChatBackend _backend;
    private readonly AbiChatClientOptions _options;
    private readonly ChatClientMetadata _metadata;
    private readonly ChatDialect _dialect;
    private readonly ChatDialect _toolDialect;
    private readonly ChatConstraints _constraints = new();
    private readonly string _modelId;

    /// <summary>Makes a client of a model.</summary>
    /// <param name="model">The model; it must outlive the client.</param>
    /// <param name="options">How it is used.</param>
    /// <exception cref="ChatTemplateException">The model has no chat template, or a broken one, and the options give none.</exception>
    public AbiChatClient(LanguageModel model, AbiChatClientOptions? options = null)
        : this(() => model, model ?? throw new ArgumentNullException(nameof(model)), options ?? new AbiChatClientOptions())
    {
    }

    internal AbiChatClient(Func<LanguageModel> current, LanguageModel model, AbiChatClientOptions options)
        : this(
            new LanguageModelBackend(current, options.OwnsModel),
            options.ModelId ?? ModelNames.Of(model),
            options.Template ?? ChatTemplate.FromMetadata(model.Metadata, model.Tokenizer),
            options.Template is null && ChatTemplate.Variants(model.Metadata).Contains("tool_use", StringComparer.Ordinal) ? ChatTemplate.FromMetadata(model.Metadata, model.Tokenizer, "tool_use") : null,
            options)
    {
    }

    internal AbiChatClient(IChatBackend backend, string modelId, ChatTemplate template, ChatTemplate? toolTemplate, AbiChatClientOptions options)
    {
        _backend = backend;
        _options = options;
        _modelId = modelId;
        _metadata = new ChatClientMetadata(LlmTelemetry.Provider, defaultModelId: modelId);
        _dialect = new ChatDialect(template, backend.Tokenizer);
        _toolDialect = toolTemplate is null ? _dialect : new ChatDialect(toolTemplate, backend.Tokenizer);
    }

    /// <summary>The template of requests without tools.</summary>
    public ChatTemplate Template => _dialect.Template;

    /// <inheritdoc/>
    /// <exception cref="ChatOptionException">A member of the options, or a content of a message, cannot be honoured; it is named.</exception>
    /// <exception cref="ChatTemplateException">The model's chat template does not take the conversation.</exception>
    /// <exception cref="ContextFullException">The conversation is longer than the context.</exception>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        List<ChatResponseUpdate> updates = [];
        await foreach (var update in StreamAsync(messages, options, isStreaming: false, cancellationToken).ConfigureAwait(false))
        {
            updates.Add(update);
        }

        var response = updates.ToChatResponse();
        response.AdditionalProperties = updates[^1].AdditionalProperties;
        response.RawRepresentation = updates[^1].RawRepresentation;
        return response;
    }

    /// <inheritdoc/>
    /// <exception cref="ChatOptionException">A member of the options, or a content of a message, cannot be honoured; it is named.</exception>
    /// <exception cref="ChatTemplateException">The model's chat template does not take the conversation.</exception>
    /// <exception cref="ContextFullException">The conversation is longer than the context.</exception>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return StreamAsync(messages, options, isStreaming: true, cancellationToken);
    }

    /// <summary>The client itself, its <see cref="ChatClientMetadata"/>, its <see cref="ChatTemplate"/>, the <see cref="LanguageModel"/> or its tokenizer; null for anything else, and for any key.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(ChatTemplate) ? _dialect.Template
            : serviceType.IsInstanceOfType(this) ? this
            : _backend.GetService(serviceType);
    }

    /// <summary>Disposes the model if the options say that the client owns it; a second call does nothing.</summary>
    public void Dispose() => _backend.Dispose();

    private async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, bool isStreaming, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var recorder = new ChatRecorder(_modelId, isStreaming, _options.CaptureContent);
        try
        {
            ChatRequest? request = null;
            UsageDetails? before = null;
            var isOver = false;
            while (!isOver)
            {
                ChatRun run;
                try
                {
                    request = request is null ? Read(messages, options, recorder) : request.WithoutTools();
                    run = Start(request, before, cancellationToken);
                }
                catch (Exception exception)
                {
                    recorder.Fail(exception);
                    throw;
                }

                isOver = true;
                await using (run.ConfigureAwait(false))
                {
                    while (true)
                    {
                        ChatResponseUpdate? update;
                        try
                        {
                            update = await run.NextAsync().ConfigureAwait(false);
                        }
                        catch (Exception exception)
                        {
                            recorder.Fail(exception);
                            throw;
                        }

                        if (update is null)
                        {
                            break;
                        }

                        if (update.FinishReason is null)
                        {
                            recorder.Chunk(update.Contents);
                        }
                        else if (run.HasDeclinedTools && _dialect != _toolDialect)
                        {
                            (before, isOver) = (run.Usage, false); // its answer comes to the template without tools
                            break;
                        }
                        else
                        {
                            recorder.Response(run.ResponseId, update.FinishReason, run.Usage);
                        }

                        yield return update;
                    }
                }
            }
        }
        finally
        {
            recorder.Dispose();
        }
    }

    private ChatRequest Read(IEnumerable<ChatMessage> messages, ChatOptions? options, in ChatRecorder recorder)
    {
        var request = ChatOptionsReader.Read(this, messages, options, _options, _modelId, _backend.RecommendedSampling, hasTools => DialectFor(hasTools).Template);
        recorder.Request(request);
        return request;
    }

    private ChatRun Start(ChatRequest request, UsageDetails? before, CancellationToken cancellationToken)
    {
        var dialect = DialectFor(!request.Tools.IsEmpty);
        var prompt = dialect.Template.Prompt(
            request.Messages,
            new ChatRenderOptions
            {
                Tools = request.Tools, Variables = request.Variables, Now = _options.TimeProvider.GetLocalNow(),
                Unsupported = before is null || _options.Unsupported == UnsupportedByTemplate.PassThrough ? _options.Unsupported : UnsupportedByTemplate.FoldIn,
            },
            _backend.Tokenizer,
            cancellationToken);
        var ids = prompt.Encode(_backend.Tokenizer);
        var generation = request.Generation with { ShownTokens = dialect.ShownTokens(!request.Tools.IsEmpty) };
        if (_backend.ContextLength is { } context && generation.ContextFull == ContextFullPolicy.Error)
        {
            // a response that reaches the end of the context is cut there and says so; a prompt that is too long is an error
            generation = generation with { MaximumTokens = Math.Min(generation.MaximumTokens ?? int.MaxValue, Math.Max(1, context - ids.Length)) };
        }

        if (_constraints.Of(request, dialect, prompt.Text) is { } grammar)
        {
            generation = generation with { Grammar = grammar };
        }

        var parser = dialect.Parser(request.ToolTypes, prompt.Text, request.Messages.SelectMany(static message => message.Contents).OfType<FunctionCallContent>().Select(static call => call.CallId));
        return new ChatRun(_backend.GenerateAsync(ids, generation, cancellationToken), parser, request, ids.Length, _modelId, _options.TimeProvider.GetUtcNow(), before, cancellationToken);
    }

    private ChatDialect DialectFor(bool hasTools) => hasTools ? _toolDialect : _dialect;
}
