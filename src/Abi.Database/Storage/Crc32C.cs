using System.Numerics;
using System.Runtime.InteropServices;

namespace Abi.Database.Storage;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the machine's instruction where it has one.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of the bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="seed">The checksum of what goes before, or any number that the checksum is to depend on.</param>
    public static uint Compute(ReadOnlySpan<byte> bytes, uint seed = 0)
    {
        var crc = ~seed;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var one in bytes[(bytes.Length & ~7)..])
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }
}
