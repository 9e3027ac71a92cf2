using System.Runtime.Intrinsics.X86;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// The packed panels of a matrix, each made by whoever needs it for the second time: new memory costs more than packing, and a first token need not wait for it. The mapped pages that
/// they come from are given back part by part after both uses, so that little is held that is not needed, and hardly anything twice.
/// </summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use.</remarks>
internal sealed unsafe class PanelStore : IDisposable
{
    private const int New = 0;
    private const int Seen = 1;
    private const int InWork = 2;
    private const int Made = 3;
    private const long PartBytes = 256 << 10; // of the source: a call to the system for each is little beside packing it

    private readonly WeightTensor _weight;
    private readonly byte* _source;
    private readonly long _sourceBytes;
    private readonly long _panelSourceBytes;
    private readonly long _panelBytes;
    private readonly int[] _states;
    private readonly int _partPanels;
    private readonly int[] _unseen; // panels of each part that nobody has packed aside yet
    private readonly int[] _missing; // panels of each part that are not made yet
    private byte* _memory;

    /// <summary>Takes room for the panels.</summary>
    /// <param name="weight">The tensor.</param>
    /// <param name="source">The first byte of what is packed.</param>
    /// <param name="sourceBytes">The bytes of what is packed.</param>
    /// <param name="panelSourceBytes">The bytes of what a panel is packed from; the last may have fewer.</param>
    /// <param name="panelBytes">The bytes of one, a multiple of 64.</param>
    public PanelStore(WeightTensor weight, byte* source, long sourceBytes, long panelSourceBytes, long panelBytes)
    {
        _weight = weight;
        _source = source;
        _sourceBytes = sourceBytes;
        _panelSourceBytes = panelSourceBytes;
        _panelBytes = panelBytes;
        var panels = checked((int)((sourceBytes + panelSourceBytes - 1) / panelSourceBytes));
        _states = new int[panels];
        _partPanels = (int)Math.Clamp(PartBytes / panelSourceBytes, 1, panels);
        _missing = new int[(panels + _partPanels - 1) / _partPanels];
        for (var part = 0; part < _missing.Length; part++)
        {
            _missing[part] = Math.Min(_partPanels, panels - (part * _partPanels));
        }

        _unseen = [.. _missing];

        Bytes = checked(panels * panelBytes);
        _memory = SystemMemory.Take(Bytes);
    }

    /// <summary>Frees what a caller forgot to dispose of.</summary>
    ~PanelStore() => Free();

    /// <summary>The bytes of all panels.</summary>
    public long Bytes { get; }

    /// <summary>The bytes of the panels that are made.</summary>
    public long MadeBytes => _states.AsSpan().Count(Made) * _panelBytes;

    /// <summary>The number of panels.</summary>
    public int Panels => _states.Length;

    /// <summary>Where a panel is.</summary>
    public byte* this[int panel] => _memory + (panel * _panelBytes);

    /// <summary>Asks for a panel; waits while another makes it.</summary>
    /// <param name="panel">The panel.</param>
    /// <param name="atOnce">Whether the first who asks makes it already.</param>
    public PanelClaim Claim(int panel, bool atOnce = false)
    {
        ref var state = ref _states[panel];
        var spin = default(SpinWait);
        while (true)
        {
            switch (Volatile.Read(ref state))
            {
                case Made:
                    return PanelClaim.Made;
                case New when !atOnce:
                    if (Interlocked.CompareExchange(ref state, Seen, New) == New)
                    {
                        return PanelClaim.MakeAside;
                    }

                    break;
                case InWork:
                    spin.SpinOnce();
                    break;
                case var before:
                    if (Interlocked.CompareExchange(ref state, InWork, before) == before)
                    {
                        return PanelClaim.Make;
                    }

                    break;
            }
        }
    }

    /// <summary>Declares a claimed panel made.</summary>
    public void Finish(int panel)
    {
        Volatile.Write(ref _states[panel], Made);
        GiveBackAfterLast(_missing, panel);
    }

    /// <summary>Declares a claimed panel packed aside.</summary>
    public void FinishAside(int panel) => GiveBackAfterLast(_unseen, panel);

    /// <summary>Asks for a piece of some panels, down to the second cache.</summary>
    /// <param name="panel">The first panel.</param>
    /// <param name="panels">How many.</param>
    /// <param name="offset">Where the piece begins in them, a multiple of 64.</param>
    /// <param name="bytes">How long it is at most.</param>
    /// <returns>Whether there is more of them behind it.</returns>
    public bool Prefetch(int panel, int panels, int offset, int bytes)
    {
        var left = (panels * _panelBytes) - offset;
        if (!Sse.IsSupported || left <= 0)
        {
            return false;
        }

        var start = this[panel] + offset;
        for (var end = start + Math.Min(bytes, left); start < end; start += 64)
        {
            Sse.Prefetch1(start);
        }

        return left > bytes;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void GiveBackAfterLast(int[] left, int panel)
    {
        var part = panel / _partPanels;
        if (Interlocked.Decrement(ref left[part]) == 0)
        {
            var start = part * _partPanels * _panelSourceBytes;
            (_weight.Memory as MappedFile)?.GiveBack((nint)_source + start - _weight.Memory.Address, Math.Min(_partPanels * _panelSourceBytes, _sourceBytes - start));
        }
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
