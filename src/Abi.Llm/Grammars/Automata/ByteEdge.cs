namespace Abi.Llm.Grammars.Automata;

/// <summary>A byte from <paramref name="First"/> to <paramref name="Last"/> leads to a node.</summary>
internal readonly record struct ByteEdge(byte First, byte Last, int Target);
