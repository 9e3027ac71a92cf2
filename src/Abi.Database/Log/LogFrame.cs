using System.Runtime.InteropServices;
using Abi.Database.Encryption;

namespace Abi.Database.Log;

/// <summary>Where a frame stands in its segment and what its header says.</summary>
/// <param name="Sequence">The sequence number of the commit.</param>
/// <param name="Time">When it was committed: UTC ticks.</param>
/// <param name="DurableEnd">The offset below which everything was durable when the frame was written.</param>
/// <param name="Offset">The offset of the frame.</param>
/// <param name="Length">The payload's bytes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LogFrame(long Sequence, long Time, long DurableEnd, int Offset, int Length)
{
    public int End => Offset + LogFormat.FrameBytes(Length);

    /// <summary>The payload. That of an encrypted database is decrypted where it stands.</summary>
    /// <exception cref="DatabaseCorruptException">It cannot be authenticated.</exception>
    public ReadOnlySpan<byte> Payload(Span<byte> segment, LogCipher? cipher, string path)
    {
        var stored = segment.Slice(Offset + LogFormat.FrameHeaderBytes, Length);
        return cipher is null ? stored
            : cipher.TryOpen(Offset, segment[(Offset + 4)..(Offset + LogFormat.FrameHeaderBytes)], stored, out var payload) ? payload
            : throw new DatabaseCorruptException($"The frame of sequence {Sequence} cannot be authenticated: it is not what this database wrote there. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, Offset);
    }
}
