using System.Runtime.InteropServices;

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

    public ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> segment) => segment.Slice(Offset + LogFormat.FrameHeaderBytes, Length);
}
