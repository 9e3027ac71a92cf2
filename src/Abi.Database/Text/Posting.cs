using System.Runtime.InteropServices;

namespace Abi.Database.Text;

/// <summary>A word's occurrences in a record.</summary>
/// <param name="Slot">The record's slot.</param>
/// <param name="Stamp">The low bits of the sequence that wrote the slot: when they differ, the slot has another record by now.</param>
/// <param name="Frequency">How often the word occurs.</param>
/// <param name="Positions">Where the list's bytes of positions have those of this record.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Posting(int Slot, uint Stamp, int Frequency, int Positions);
