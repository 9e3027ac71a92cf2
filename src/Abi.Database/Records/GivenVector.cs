using System.Runtime.InteropServices;

namespace Abi.Database.Records;

/// <summary>A vector that came with a record whose field has a source: as given, or the stored one of a text that has changed since.</summary>
/// <param name="Key">The record's key, as <see cref="RecordValues"/> has it.</param>
/// <param name="Vector">The vector's bytes.</param>
/// <param name="Text">The record's text.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct GivenVector(object Key, ReadOnlyMemory<byte> Vector, string? Text);
