using System.Runtime.InteropServices;

namespace Abi.Llm;

/// <summary>How well a document answers a query.</summary>
/// <param name="Index">The document's place in the list that was given.</param>
/// <param name="Score">The score of the model's head, as the model gives it: greater is better; its range is the model's own.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct RerankedDocument(int Index, float Score);
