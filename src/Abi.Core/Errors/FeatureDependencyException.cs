namespace Abi;

/// <summary>Features cannot be started in any order: one that is needed is absent or off, or they need each other in a circle.</summary>
public sealed class FeatureDependencyException : AbiException
{
    /// <summary>Makes an exception that names the features.</summary>
    public FeatureDependencyException(string message) : base(message) { }
}
