namespace Abi;

/// <summary>
/// The bodies of this type stay in the stub of its assembly, so that it works although the feature is compiled out: for options, records and
/// exceptions. They may use only the framework, Abi.Core and other types that stay; the build checks that.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, Inherited = false)]
public sealed class StubKeepsBodyAttribute : Attribute;
