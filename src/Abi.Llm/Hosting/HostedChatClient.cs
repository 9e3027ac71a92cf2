using System.Runtime.CompilerServices;
using Abi.Llm.Telemetry;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Hosting;

/// <summary>A host's models as one <see cref="IChatClient"/>: every request holds the model that its <see cref="ChatOptions.ModelId"/>, or else the client, names.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class HostedChatClient(ModelHost host, string? name) : IChatClient
{
    private readonly ChatClientMetadata _metadata = new(LlmTelemetry.Provider, defaultModelId: name);

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        IReadOnlyList<ChatMessage> list = messages as IReadOnlyList<ChatMessage> ?? [.. messages];
        using var lease = await AcquireAsync(list, options, cancellationToken).ConfigureAwait(false);
        return await lease.Chat.GetResponseAsync(list, Options(options), cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        IReadOnlyList<ChatMessage> list = messages as IReadOnlyList<ChatMessage> ?? [.. messages];
        using var lease = await AcquireAsync(list, options, cancellationToken).ConfigureAwait(false);
        await foreach (var update in lease.Chat.GetStreamingResponseAsync(list, Options(options), cancellationToken).ConfigureAwait(false))
        {
            yield return update;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(ModelHost) ? host
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
        // the host owns the models
    }

    private ValueTask<ModelLease> AcquireAsync(IReadOnlyList<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken) =>
        host.AcquireAsync(new ModelRouteContext { Name = options?.ModelId ?? name, Purpose = ModelPurpose.Chat, Messages = messages, Options = options }, cancellationToken);

    /// <summary>The options without the name, which has been honoured.</summary>
    private static ChatOptions? Options(ChatOptions? options)
    {
        if (options?.ModelId is null)
        {
            return options;
        }

        var copy = options.Clone();
        copy.ModelId = null;
        return copy;
    }
}
