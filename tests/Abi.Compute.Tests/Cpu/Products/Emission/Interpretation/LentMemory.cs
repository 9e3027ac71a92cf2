using Abi.Compute.Memory;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>The memory that interpreted code may touch: what a test lends, and nothing beside it.</summary>
internal sealed unsafe class LentMemory
{
    private readonly List<(long Start, long End, bool IsWritable, string Name)> _ranges = [];

    /// <summary>Lends bytes at an address.</summary>
    public void Lend(void* address, long length, bool isWritable, string name) => _ranges.Add(((long)address, (long)address + length, isWritable, name));

    /// <summary>Lends a whole buffer.</summary>
    public void Lend(NativeBuffer buffer, bool isWritable, string name) => Lend((void*)buffer.Address, buffer.Length, isWritable, name);

    /// <summary>The bytes at an address.</summary>
    /// <exception cref="InterpretationException">They were not lent, not all from one range, or not for writing.</exception>
    public byte* At(long address, int length, bool write)
    {
        foreach (var (start, end, isWritable, _) in _ranges)
        {
            if (address >= start && address <= end - length && (isWritable || !write))
            {
                return (byte*)address;
            }
        }

        var nearest = _ranges.Count == 0 ? "nothing is lent" : Describe(address, _ranges.MinBy(range => Math.Min(Math.Abs(address - range.Start), Math.Abs(address - range.End))));
        throw new InterpretationException($"{(write ? "writes" : "reads")} {length} bytes at {address:x}: {nearest}");
    }

    private static string Describe(long address, (long Start, long End, bool IsWritable, string Name) range) =>
        $"{address - range.Start} bytes from the start of '{range.Name}', which has {range.End - range.Start}{(range.IsWritable ? "" : " for reading")}";
}
