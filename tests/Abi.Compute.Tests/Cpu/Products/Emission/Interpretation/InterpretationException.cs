namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>Code did what it may not do, or what the interpreter does not know.</summary>
internal sealed class InterpretationException(string message) : Exception(message);
