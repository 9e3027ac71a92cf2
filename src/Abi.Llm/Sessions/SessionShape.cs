using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Abi.Llm.Sessions;

/// <summary>What an engine can take back: whose state, and how large each part is.</summary>
/// <param name="Fingerprint">The model's fingerprint: [32].</param>
/// <param name="StateKind">What bits of the state depend on.</param>
/// <param name="VocabularySize">The number of token ids.</param>
/// <param name="ContextLength">The most tokens of one sequence.</param>
/// <param name="Windows">The window of each group of pages, 0 for none: [groups]. The first group holds the tokens, a second the encoder's.</param>
/// <param name="PageBytes">The bytes of a page.</param>
/// <param name="SlotBytes">The bytes of a recurrent state; 0 for none.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SessionShape(ReadOnlyMemory<byte> Fingerprint, string StateKind, int VocabularySize, int ContextLength, ImmutableArray<int> Windows, int PageBytes, int SlotBytes);
