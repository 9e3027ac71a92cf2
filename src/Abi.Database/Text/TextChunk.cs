namespace Abi.Database;

/// <summary>A part of a text, as it stands there: <c>text.Substring(Start, Length)</c>.</summary>
/// <param name="Index">Its number among the parts, from 0.</param>
/// <param name="Start">Where it begins, in UTF-16 code units.</param>
/// <param name="Length">How long it is.</param>
/// <param name="Text">The part itself.</param>
public sealed record TextChunk(int Index, int Start, int Length, string Text);
