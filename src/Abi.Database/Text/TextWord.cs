using System.Runtime.InteropServices;

namespace Abi.Database.Text;

/// <summary>A word of a text.</summary>
/// <param name="Term">What it is indexed and searched as.</param>
/// <param name="Start">Where it begins in the text, in UTF-16 code units.</param>
/// <param name="Length">How long it is there.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TextWord(string Term, int Start, int Length);
