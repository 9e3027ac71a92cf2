namespace Abi;

/// <summary>A well-formed model needs something that this version does not have; the message lists what it has.</summary>
public sealed class UnsupportedModelException : AbiException
{
    /// <summary>Makes an exception that names what is missing and what is supported.</summary>
    public UnsupportedModelException(string message) : base(message) { }
}
