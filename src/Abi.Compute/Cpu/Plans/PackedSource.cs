using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Keys and values of the step itself, packed into pages of floats that live as long as the step: what encoders attend over.</summary>
internal sealed unsafe class PackedSource(StepFrame frame, PageShape shape) : KeyValueSource, IDisposable
{
    private int[] _firstPages = []; // of each sequence, and the number of all pages at the end
    private NativeBuffer? _pages;

    public PageShape Shape => shape;

    public int PageCount => _firstPages[frame.Inputs.SequenceCount];

    /// <summary>Makes room for the step's pages.</summary>
    public void Reserve()
    {
        var sequences = frame.Inputs.Sequences;
        if (_firstPages.Length <= sequences.Length)
        {
            _firstPages = new int[(2 * sequences.Length) + 1];
        }

        for (var s = 0; s < sequences.Length; s++)
        {
            _firstPages[s + 1] = _firstPages[s] + ((sequences[s].RowCount + StateStore.PageLength - 1) / StateStore.PageLength);
        }

        var bytes = PageCount * shape.PageBytes;
        if (_pages is null || _pages.Length < bytes)
        {
            _pages?.Dispose();
            _pages = null;
            _pages = new NativeBuffer(bytes);
        }
    }

    /// <summary>Which sequence a page belongs to, and which of its pages it is.</summary>
    public (int Sequence, int Page) Find(int page)
    {
        var sequence = _firstPages.AsSpan(0, frame.Inputs.SequenceCount).BinarySearch(page);
        sequence = sequence < 0 ? ~sequence - 1 : sequence;
        while (_firstPages[sequence + 1] <= page)
        {
            sequence++; // sequences without rows have no pages
        }

        return (sequence, page - _firstPages[sequence]);
    }

    public override PageShape Begin() => shape;

    public override int Length(StepSequence sequence) => sequence.RowCount;

    public override int Position(StepSequence sequence, int row) => row - sequence.FirstRow;

    public override byte* Page(int sequence, int page) => (byte*)_pages!.Address + ((_firstPages[sequence] + page) * shape.PageBytes);

    public void Dispose()
    {
        _pages?.Dispose();
        _pages = null;
    }
}
