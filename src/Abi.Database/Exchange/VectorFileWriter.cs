using System.Runtime.InteropServices;

namespace Abi.Database.Exchange;

/// <summary>Writes float32 vectors as <c>.npy</c> or <c>.fvecs</c>.</summary>
internal sealed class VectorFileWriter(Stream stream, ExchangeFormat format, int dimensions)
{
    private long _rows;

    public void Write(ReadOnlySpan<float> vector)
    {
        if (_rows++ == 0 && format == ExchangeFormat.Npy)
        {
            stream.Write(NpyHeader.Write(0, dimensions));
        }

        if (format == ExchangeFormat.Fvecs)
        {
            stream.Write(MemoryMarshal.AsBytes([dimensions]));
        }

        stream.Write(MemoryMarshal.AsBytes(vector));
    }

    /// <summary>Writes what can be known only at the end: how many there are.</summary>
    public void Complete()
    {
        if (format == ExchangeFormat.Npy)
        {
            stream.Position = 0;
            stream.Write(NpyHeader.Write(_rows, dimensions));
        }
    }
}
