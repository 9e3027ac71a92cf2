using System.Runtime.Intrinsics.X86;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>The packed panels of a matrix, each made by whoever needs it first. When all are made, the mapped pages that they came from are given back.</summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use.</remarks>
internal sealed unsafe class PanelStore : IDisposable
{
    private const int Missing = 0;
    private const int InWork = 1;
    private const int Made = 2;

    private readonly WeightTensor _weight;
    private readonly byte* _source;
    private readonly long _sourceBytes;
    private readonly long _panelBytes;
    private readonly int[] _states;
    private byte* _memory;
    private int _missing;

    /// <summary>Takes room for the panels.</summary>
    /// <param name="weight">The tensor.</param>
    /// <param name="source">The first byte of what is packed.</param>
    /// <param name="sourceBytes">The bytes of what is packed.</param>
    /// <param name="panels">The number of panels.</param>
    /// <param name="panelBytes">The bytes of one, a multiple of 64.</param>
    public PanelStore(WeightTensor weight, byte* source, long sourceBytes, int panels, long panelBytes)
    {
        _weight = weight;
        _source = source;
        _sourceBytes = sourceBytes;
        _panelBytes = panelBytes;
        _states = new int[panels];
        _missing = panels;
        Bytes = checked(panels * panelBytes);
        _memory = SystemMemory.Take(Bytes);
    }

    /// <summary>Frees what a caller forgot to dispose of.</summary>
    ~PanelStore() => Free();

    /// <summary>The bytes of all panels.</summary>
    public long Bytes { get; }

    /// <summary>Where a panel is.</summary>
    public byte* this[int panel] => _memory + (panel * _panelBytes);

    /// <summary>Whether the caller must make the panel now, and call <see cref="Finish"/>; if not, it is made on return.</summary>
    public bool Claim(int panel)
    {
        ref var state = ref _states[panel];
        if (Volatile.Read(ref state) == Made)
        {
            return false;
        }

        if (Interlocked.CompareExchange(ref state, InWork, Missing) == Missing)
        {
            return true;
        }

        var spin = default(SpinWait);
        while (Volatile.Read(ref state) != Made)
        {
            spin.SpinOnce();
        }

        return false;
    }

    /// <summary>Declares a claimed panel made.</summary>
    public void Finish(int panel)
    {
        Volatile.Write(ref _states[panel], Made);
        if (Interlocked.Decrement(ref _missing) == 0)
        {
            SystemMemory.GiveBack(_weight.Memory, _source, _sourceBytes);
        }
    }

    /// <summary>Asks for the beginning of a panel and what follows it, down to the second cache.</summary>
    public void Prefetch(int panel, int bytes)
    {
        if (Sse.IsSupported)
        {
            var start = this[panel];
            for (var end = start + Math.Min(bytes, Bytes - (panel * _panelBytes)); start < end; start += 64)
            {
                Sse.Prefetch1(start);
            }
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_memory != null)
        {
            SystemMemory.Free(_memory, Bytes);
            _memory = null;
        }
    }
}
