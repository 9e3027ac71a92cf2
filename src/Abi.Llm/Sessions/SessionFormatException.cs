namespace Abi.Llm;

/// <summary>A saved session is damaged, is of another version, or belongs to another model.</summary>
public sealed class SessionFormatException : AbiException
{
    /// <summary>Makes an exception.</summary>
    /// <param name="message">What was expected, what was found, and what to do.</param>
    /// <param name="innerException">The cause, if another exception was.</param>
    public SessionFormatException(string message, Exception? innerException = null) : base(message, innerException) { }
}
