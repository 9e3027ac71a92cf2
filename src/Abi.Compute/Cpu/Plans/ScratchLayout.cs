using Abi.Compute.Graphs;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Places slots in one buffer: each at the lowest address that no slot with an overlapping life has.</summary>
internal sealed unsafe class ScratchLayout(IReadOnlyList<Slot> slots) : IDisposable
{
    private const int Alignment = 64;
    private readonly Slot[] _slots = [.. slots.Where(slot => slot.LastStage >= 0).OrderBy(slot => slot.FirstStage)];
    private readonly int[] _capacity = new int[3]; // rows by space
    private NativeBuffer? _buffer;

    public long Bytes => _buffer?.Length ?? 0;

    /// <summary>Makes room for so many rows; what slots held is lost when there was too little.</summary>
    public void Reserve(int tokens, int outputs, int sequences)
    {
        if (_buffer is not null && tokens <= _capacity[(int)RowSpace.Tokens] && outputs <= _capacity[(int)RowSpace.Outputs] && sequences <= _capacity[(int)RowSpace.Sequences])
        {
            return;
        }

        _capacity[(int)RowSpace.Tokens] = Math.Max(tokens, _capacity[(int)RowSpace.Tokens]);
        _capacity[(int)RowSpace.Outputs] = Math.Max(outputs, _capacity[(int)RowSpace.Outputs]);
        _capacity[(int)RowSpace.Sequences] = Math.Max(sequences, _capacity[(int)RowSpace.Sequences]);
        var (offsets, total) = Place();
        _buffer?.Dispose();
        _buffer = null;
        _buffer = new NativeBuffer(total);
        for (var i = 0; i < _slots.Length; i++)
        {
            _slots[i].Place((byte*)_buffer.Address + offsets[i]);
        }
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
    }

    private (long[] Offsets, long Total) Place()
    {
        var offsets = new long[_slots.Length];
        var placed = new List<(long Offset, long Bytes, int Last)>(); // by offset
        long total = Alignment;
        for (var i = 0; i < _slots.Length; i++)
        {
            var slot = _slots[i];
            var bytes = checked((_capacity[(int)slot.Rows] * slot.RowBytes) + Alignment - 1) / Alignment * Alignment;
            placed.RemoveAll(other => other.Last < slot.FirstStage);
            long offset = 0;
            var at = 0;
            for (; at < placed.Count && placed[at].Offset < offset + bytes; at++)
            {
                offset = Math.Max(offset, placed[at].Offset + placed[at].Bytes);
            }

            placed.Insert(at, (offset, bytes, slot.LastStage));
            offsets[i] = offset;
            total = Math.Max(total, offset + bytes + Alignment);
        }

        return (offsets, total);
    }
}
