using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Where the rows of a value (or of its rounded form) lie during a step. Slots whose lives do not overlap share memory.</summary>
internal sealed unsafe class Slot(string name, RowSpace rows, int width, long rowBytes)
{
    private byte* _base;

    public string Name { get; } = name;

    public RowSpace Rows { get; } = rows;

    /// <summary>The floats of a row; 0 for rounded rows.</summary>
    public int Width { get; } = width;

    /// <summary>The bytes between neighbouring rows: a multiple of 64, except for outputs, which callers read row after row.</summary>
    public long RowBytes { get; } = rowBytes;

    /// <summary>The first stage that writes it.</summary>
    public int FirstStage { get; private set; } = int.MaxValue;

    /// <summary>The last stage that reads it.</summary>
    public int LastStage { get; private set; } = -1;

    /// <summary>Whether every row begins at a multiple of 64 bytes.</summary>
    public bool IsAligned => RowBytes % 64 == 0;

    public float* Row(int row) => (float*)(_base + (row * RowBytes));

    public byte* Bytes(int row) => _base + (row * RowBytes);

    public void Use(int stage)
    {
        FirstStage = Math.Min(FirstStage, stage);
        LastStage = Math.Max(LastStage, stage);
    }

    /// <summary>Keeps the slot's memory for itself to the end of the step and beyond.</summary>
    public void Keep() => LastStage = int.MaxValue;

    public void Place(byte* address) => _base = address;
}
