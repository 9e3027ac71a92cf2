using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Small weights (of norms, biases, scans) as floats, decoded once for a plan.</summary>
internal sealed unsafe class WeightVectors : IDisposable
{
    private readonly Dictionary<(WeightTensor Tensor, int Width, bool IsTransposed), NativeBuffer> _buffers = [];

    /// <summary>The bytes held.</summary>
    public long Bytes => _buffers.Values.Sum(buffer => buffer.Length);

    /// <summary>A tensor's elements, repeated to <paramref name="width"/> floats; null for no tensor.</summary>
    public float* Get(WeightTensor? tensor, int width)
    {
        if (tensor is null)
        {
            return null;
        }

        return Get(tensor, width, false, static (values, span) =>
        {
            for (var start = 0; start < span.Length; start += values.Length)
            {
                values.CopyTo(span[start..]);
            }
        });
    }

    /// <summary>All elements of a tensor; null for no tensor.</summary>
    public float* Get(WeightTensor? tensor) => tensor is null ? null : Get(tensor, checked((int)tensor.Count));

    /// <summary>A matrix [rows, columns] as [columns, rows].</summary>
    public float* GetTransposed(WeightTensor tensor)
    {
        var columns = checked((int)tensor.Columns);
        return Get(tensor, checked((int)tensor.Count), true, (values, span) =>
        {
            for (var i = 0; i < values.Length; i++)
            {
                span[(i % columns * (values.Length / columns)) + (i / columns)] = values[i];
            }
        });
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers.Values)
        {
            buffer.Dispose();
        }

        _buffers.Clear();
    }

    private float* Get(WeightTensor tensor, int width, bool isTransposed, Fill fill)
    {
        if (!_buffers.TryGetValue((tensor, width, isTransposed), out var buffer))
        {
            buffer = new NativeBuffer((long)width * sizeof(float));
            _buffers.Add((tensor, width, isTransposed), buffer);
            fill(tensor.ToFloats(), new Span<float>((void*)buffer.Address, width));
        }

        return (float*)buffer.Address;
    }

    private delegate void Fill(float[] values, Span<float> span);
}
