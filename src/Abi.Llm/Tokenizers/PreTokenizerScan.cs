namespace Abi.Llm.Tokenizers;

/// <summary>Cuts a piece of text in one pass.</summary>
/// <param name="text">The piece, one character a code point.</param>
/// <param name="lengths">Receives the lengths of its pieces; together they are the whole.</param>
internal delegate void PreTokenizerScan(ReadOnlySpan<char> text, List<int> lengths);
