namespace Abi;

/// <summary>
/// The root of every exception that input, configuration or the environment can cause. The message says what was wrong, where
/// (file, offset, key, tensor, option), what was expected and what was found, and what to do about it.
/// </summary>
/// <remarks>Programming errors are <see cref="ArgumentException"/> and <see cref="InvalidOperationException"/>, not this type.</remarks>
public class AbiException : Exception
{
    /// <summary>Makes an exception with a message.</summary>
    public AbiException(string message) : base(message) { }

    /// <summary>Makes an exception with a message and the exception that caused it.</summary>
    public AbiException(string message, Exception? innerException) : base(message, innerException) { }

    /// <summary>The name of the option that the message advises to set, such as <c>MaximumTokens</c>: for programs whose users know it by another. Null where it advises none.</summary>
    public string? Remedy { get; init; }
}
