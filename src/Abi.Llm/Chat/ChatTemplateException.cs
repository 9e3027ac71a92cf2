namespace Abi.Llm.Chat;

/// <summary>A chat template is missing, cannot be used, or does not take what it was given; the message says what to do.</summary>
public sealed class ChatTemplateException : AbiException
{
    /// <summary>Makes an exception.</summary>
    public ChatTemplateException(string message) : base(message) { }

    /// <summary>Makes an exception that an error of the template caused.</summary>
    public ChatTemplateException(string message, Exception? innerException) : base(message, innerException) { }
}
