using System.Runtime.InteropServices;

namespace Abi.Database;

/// <summary>A key that a search found.</summary>
/// <param name="Key">The key.</param>
/// <param name="Score">The value of the field's distance function.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KeyMatch<TKey>(TKey Key, double Score);
