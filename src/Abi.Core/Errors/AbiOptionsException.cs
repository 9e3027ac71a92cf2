namespace Abi;

/// <summary>One or more options have values that cannot be used. The message names every key, what was found and what was expected.</summary>
public sealed class AbiOptionsException : AbiException
{
    internal AbiOptionsException(string feature, IReadOnlyList<string> keys, string message, Exception? innerException = null) : base(message, innerException)
    {
        Feature = feature;
        Keys = keys;
    }

    /// <summary>The feature whose options are wrong.</summary>
    public string Feature { get; }

    /// <summary>The configuration keys of the wrong options, for example <c>Abi:Llm:ContextLength</c>. Empty when a value could not be read and the key is only in the message.</summary>
    public IReadOnlyList<string> Keys { get; }
}
