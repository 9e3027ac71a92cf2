using System.Diagnostics;
using System.Runtime.CompilerServices;
using Abi.Llm.Telemetry;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>
/// Carries out the calls that a model makes of the <see cref="AIFunction"/>s in a request's options, gives the results back to it, and goes on until it answers, within limits. It works over any
/// <see cref="IChatClient"/>, and is off unless it is put around one.
/// </summary>
/// <remarks>
/// Thread-safe, as far as the inner client and the functions are. Calls that it carried out are marked <see cref="FunctionCallContent.InformationalOnly"/> and come with their results, so that another
/// loop outside does not make them again; calls that an inner loop answered are left alone. Calls of unknown functions are answered with an error; calls of functions that can only be declared, or that
/// need approval, end the loop and are returned together with all others of that round.
/// </remarks>
public sealed class ToolLoopChatClient : DelegatingChatClient
{
    private readonly ToolLoopOptions _options;

    /// <summary>Puts the loop around a client.</summary>
    /// <param name="innerClient">The client; disposed with this one.</param>
    /// <param name="options">The limits.</param>
    public ToolLoopChatClient(IChatClient innerClient, ToolLoopOptions? options = null)
        : base(innerClient)
    {
        _options = options ?? new ToolLoopOptions();
        _options.Validate();
    }

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        List<ChatMessage> history = [.. messages];
        List<ChatMessage> produced = [];
        UsageDetails? usage = null;
        for (var round = 0; ; round++)
        {
            var response = await base.GetResponseAsync(history, options, cancellationToken).ConfigureAwait(false);
            if (response.Usage is { } used)
            {
                (usage ??= new UsageDetails()).Add(used);
            }

            produced.AddRange(response.Messages);
            var calls = round < _options.MaximumRounds ? Callable(response.Messages, options) : [];
            if (calls.Count == 0)
            {
                response.Messages = produced;
                response.Usage = usage;
                return response;
            }

            var results = new ChatMessage(ChatRole.Tool, await InvokeAsync(calls, history, options, round, cancellationToken).ConfigureAwait(false));
            history.AddRange(response.Messages);
            history.Add(results);
            produced.Add(results);
            options = NextOptions(options, response.ConversationId);
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        List<ChatMessage> history = [.. messages];
        for (var round = 0; ; round++)
        {
            List<ChatResponseUpdate> updates = [];
            List<ChatResponseUpdate> held = []; // from the first call on: whether it is carried out shows at the end
            await foreach (var update in base.GetStreamingResponseAsync(history, options, cancellationToken).ConfigureAwait(false))
            {
                updates.Add(update);
                if (held.Count > 0 || update.Contents.Any(content => content is FunctionCallContent))
                {
                    held.Add(update);
                }
                else
                {
                    yield return update;
                }
            }

            var response = updates.ToChatResponse();
            var calls = round < _options.MaximumRounds ? Callable(response.Messages, options) : [];
            List<AIContent>? results = null;
            if (calls.Count > 0)
            {
                results = await InvokeAsync(calls, history, options, round, cancellationToken).ConfigureAwait(false);
            }

            foreach (var update in held)
            {
                yield return update;
            }

            if (results is null)
            {
                yield break;
            }

            var message = new ChatMessage(ChatRole.Tool, results) { MessageId = $"msg_{Guid.NewGuid():n}" };
            yield return new ChatResponseUpdate(ChatRole.Tool, results) { MessageId = message.MessageId, ResponseId = response.ResponseId, ModelId = response.ModelId, CreatedAt = response.CreatedAt };
            history.AddRange(response.Messages);
            history.Add(message);
            options = NextOptions(options, response.ConversationId);
        }
    }

    /// <summary>The calls to carry out; none when there are none, or when one of them is not for this client.</summary>
    private List<FunctionCallContent> Callable(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        List<AIContent> contents = [.. messages.SelectMany(message => message.Contents)];
        HashSet<string> answered = new(contents.OfType<FunctionResultContent>().Select(result => result.CallId), StringComparer.Ordinal);
        List<FunctionCallContent> calls = [.. contents.OfType<FunctionCallContent>().Where(call => !call.InformationalOnly && !answered.Contains(call.CallId))];
        return calls.TrueForAll(call => Find(call.Name, options) is null or AIFunction and not ApprovalRequiredAIFunction) ? calls : [];
    }

    private AITool? Find(string name, ChatOptions? options)
    {
        foreach (var tool in (options?.Tools ?? []).Concat(_options.AdditionalTools))
        {
            if (tool is AIFunctionDeclaration && tool.Name == name)
            {
                return tool.GetService<ApprovalRequiredAIFunction>() is { } guarded ? guarded : tool;
            }
        }

        return null;
    }

    private async Task<List<AIContent>> InvokeAsync(List<FunctionCallContent> calls, List<ChatMessage> history, ChatOptions? options, int round, CancellationToken cancellationToken)
    {
        var results = new AIContent[calls.Count];
        if (_options.AllowConcurrentCalls)
        {
            await Task.WhenAll(Enumerable.Range(0, calls.Count).Select(async index =>
                results[index] = await InvokeAsync(calls[index], index, history, options, round, cancellationToken).ConfigureAwait(false))).ConfigureAwait(false);
        }
        else
        {
            for (var index = 0; index < calls.Count; index++)
            {
                results[index] = await InvokeAsync(calls[index], index, history, options, round, cancellationToken).ConfigureAwait(false);
            }
        }

        foreach (var call in calls)
        {
            call.InformationalOnly = true;
        }

        return [.. results];
    }

    private async Task<FunctionResultContent> InvokeAsync(FunctionCallContent call, int index, List<ChatMessage> history, ChatOptions? options, int round, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (index >= _options.MaximumCallsPerRound)
        {
            return new FunctionResultContent(call.CallId, $"Error: the call was not made; at most {_options.MaximumCallsPerRound} calls are allowed at once.");
        }

        if (Find(call.Name, options) is not AIFunction function)
        {
            return new FunctionResultContent(call.CallId, $"Error: there is no function named '{call.Name}'.");
        }

        using var activity = LlmTelemetry.Source.StartActivity($"execute_tool {call.Name}", ActivityKind.Internal);
        activity?.SetTag("gen_ai.operation.name", "execute_tool").SetTag("gen_ai.tool.name", call.Name).SetTag("gen_ai.tool.type", "function").SetTag("gen_ai.tool.call.id", call.CallId);
        using var limit = _options.CallTimeout is { } timeout ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken) : null;
        limit?.CancelAfter(_options.CallTimeout!.Value);
        try
        {
            var arguments = new AIFunctionArguments(call.Arguments, StringComparer.Ordinal)
            {
                Services = _options.Services,
                Context = new Dictionary<object, object?> { [typeof(FunctionCallContent)] = call, [typeof(ChatOptions)] = options, ["round"] = round, ["messages"] = history },
            };
            return new FunctionResultContent(call.CallId, await function.InvokeAsync(arguments, limit?.Token ?? cancellationToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception) when (!_options.ThrowOnError)
        {
            activity?.SetTag("error.type", exception.GetType().FullName).SetStatus(ActivityStatusCode.Error);
            var isLate = exception is OperationCanceledException && limit is { IsCancellationRequested: true };
            var text = isLate ? $"Error: the function took longer than {_options.CallTimeout!.Value.TotalSeconds:0.###} s."
                : _options.IncludeErrorDetails ? $"Error: {exception.Message}"
                : "Error: the function failed.";
            return new FunctionResultContent(call.CallId, text) { Exception = exception };
        }
    }

    /// <summary>A tool that had to be called has been called: from the second round on the model may answer.</summary>
    private static ChatOptions? NextOptions(ChatOptions? options, string? conversationId)
    {
        if (options is null || (options.ToolMode is not RequiredChatToolMode && options.ConversationId == conversationId))
        {
            return options;
        }

        var next = options.Clone();
        next.ToolMode = options.ToolMode is RequiredChatToolMode ? null : options.ToolMode;
        next.ConversationId = conversationId ?? options.ConversationId;
        return next;
    }
}
