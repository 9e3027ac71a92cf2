namespace Abi.Stubs;

/// <summary>A stub assembly.</summary>
/// <param name="Image">The bytes of the assembly: the same for the same input.</param>
/// <param name="Keeps">Packages or projects, other than the framework, that the stub still references.</param>
/// <param name="KeptTypes">Types whose bodies were kept.</param>
public sealed record StubResult(byte[] Image, IReadOnlyList<string> Keeps, IReadOnlyList<string> KeptTypes);
