namespace Abi.Llm.Chat;

/// <summary>How a model is used as an <see cref="Microsoft.Extensions.AI.IChatClient"/>.</summary>
/// <remarks>Immutable and thread-safe, as far as what it holds is.</remarks>
public sealed record AbiChatClientOptions
{
    /// <summary>The chat template; unset, the model's own, and its variant <c>tool_use</c> for requests with tools where there is one.</summary>
    public ChatTemplate? Template { get; init; }

    /// <summary>The name that responses carry and requests may ask for; unset, the name in the model's metadata, or else of its file.</summary>
    public string? ModelId { get; init; }

    /// <summary>What a request's options start from; unset, the feature's defaults for a client that is injected, else <see cref="GenerationOptions"/>' own.</summary>
    public GenerationOptions? Generation { get; init; }

    /// <summary>What happens to system messages and tools that the template does not know.</summary>
    public UnsupportedByTemplate Unsupported { get; init; }

    /// <summary>Whether keys of <c>ChatOptions.AdditionalProperties</c> that are not known are passed over; otherwise they are refused by name.</summary>
    public bool IgnoreUnknownProperties { get; init; }

    /// <summary>
    /// Whether messages are recorded on trace spans. Unset, the environment variable <c>OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT</c> says so; without it they are not.
    /// </summary>
    public bool? CaptureContent { get; init; }

    /// <summary>Whether disposing the client disposes the model.</summary>
    public bool OwnsModel { get; init; }

    /// <summary>What dates responses, and gives templates the date.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
