using Abi.Compute.Cpu.Products;

namespace Abi.Compute.Cpu.Plans;

/// <summary>A value's rows in the form that matrices ask for, made once for all products that read it: rounded, or the value itself where floats are wanted and lie well.</summary>
internal sealed unsafe class PreparedRows
{
    private const int Alignment = 64;
    private readonly long _segmentBytes;

    public PreparedRows(Slot source, ActivationForm form, int columns)
    {
        Source = source;
        Form = form;
        Columns = columns;
        Segments = source.Width / columns;
        IsSource = form == ActivationForm.Float32 && source.IsAligned && (Segments == 1 || columns * sizeof(float) % Alignment == 0);
        _segmentBytes = IsSource ? columns * sizeof(float) : (ActivationRows.ByteLength(form, columns) + Alignment - 1) / Alignment * Alignment;
        Target = IsSource ? source : new Slot($"{source.Name} as {form}", source.Rows, 0, _segmentBytes * Segments);
    }

    public Slot Source { get; }

    public ActivationForm Form { get; }

    /// <summary>The columns of a segment: what one matrix reads.</summary>
    public int Columns { get; }

    /// <summary>How many segments a row has.</summary>
    public int Segments { get; }

    /// <summary>Whether nothing is to be done: the source's own rows are read.</summary>
    public bool IsSource { get; }

    /// <summary>Where the prepared rows lie.</summary>
    public Slot Target { get; }

    public byte* Row(int row, int segment) => Target.Bytes(row) + (segment * _segmentBytes);
}
