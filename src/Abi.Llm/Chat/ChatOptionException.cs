using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>A member of <see cref="ChatOptions"/>, of <see cref="EmbeddingGenerationOptions"/> or of a message cannot be honoured; the message says which, why, and what to do instead.</summary>
public sealed class ChatOptionException : AbiException
{
    /// <summary>Makes an exception.</summary>
    /// <param name="member">The member, such as <c>ChatOptions.ConversationId</c>.</param>
    /// <param name="message">What is wrong with it and what to do.</param>
    public ChatOptionException(string member, string message)
        : base($"{member}: {message}") => Member = member;

    /// <summary>The member.</summary>
    public string Member { get; }

    internal static ChatOptionException Content(AIContent content) =>
        new(content.GetType().Name, "a message holds content of this kind, which the model cannot read. Text, reasoning, function calls and function results can be sent.");
}
