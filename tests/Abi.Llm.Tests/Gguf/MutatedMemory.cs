using System.Runtime.InteropServices;
using Abi.Compute.Memory;

namespace Abi.Llm.Tests.Gguf;

/// <summary>A copy of a file's bytes that can be broken and mended again, and cut short.</summary>
internal sealed unsafe class MutatedMemory : TensorMemory
{
    private readonly byte[] _original;
    private byte* _bytes;
    private readonly List<int> _changed = [];
    private int _length;

    public MutatedMemory(byte[] original)
    {
        _original = original;
        _length = original.Length;
        _bytes = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(original.Length, 64), 64);
        original.CopyTo(new Span<byte>(_bytes, original.Length));
    }

    public override nint Address => (nint)_bytes;

    public override long Length => _length;

    public void Set(int offset, byte value)
    {
        if (offset < _original.Length)
        {
            _bytes[offset] = value;
            _changed.Add(offset);
        }
    }

    public byte Get(int offset) => _bytes[offset];

    public void Cut(int length) => _length = Math.Min(length, _original.Length);

    /// <summary>Makes it the original again.</summary>
    public void Mend()
    {
        foreach (var offset in _changed)
        {
            _bytes[offset] = _original[offset];
        }

        _changed.Clear();
        _length = _original.Length;
    }

    /// <summary>What is broken now, for a report.</summary>
    public string Describe() => $"length {_length}, {string.Join(" ", _changed.Distinct().Select(offset => $"{offset}={_bytes[offset]:x2}"))}";

    /// <summary>Frees the memory; the files that are opened on it do not, for it is used again.</summary>
    public void Free()
    {
        NativeMemory.AlignedFree(_bytes);
        _bytes = null;
    }

    protected override void Dispose(bool disposing)
    {
    }
}
