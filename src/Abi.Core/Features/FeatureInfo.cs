namespace Abi;

/// <summary>What <see cref="AbiFramework.Features"/> says of one feature.</summary>
/// <param name="Name">The feature's name, for example <c>Llm</c>; also the name of its configuration section.</param>
/// <param name="Status">On, off or compiled out.</param>
/// <param name="Reason">Why, as a sentence: what turned it on or off and what would change that.</param>
public sealed record FeatureInfo(string Name, FeatureStatus Status, string Reason)
{
    /// <summary>The feature, its status and the reason on one line.</summary>
    public override string ToString() => $"{Name}: {(Status == FeatureStatus.CompiledOut ? "compiled out" : Status == FeatureStatus.On ? "on" : "off")} ({Reason})";
}
