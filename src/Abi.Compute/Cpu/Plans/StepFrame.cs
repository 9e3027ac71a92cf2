using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Plans;

/// <summary>What all stages of a plan see of the step that runs.</summary>
internal sealed unsafe class StepFrame(int workers) : IDisposable
{
    private CpuState? _state;
    private NativeBuffer? _scratch;
    private long _scratchBytes; // of each worker

    public int Workers => workers;

    public StepInputs Inputs { get; private set; } = new();

    public CpuState State => _state ?? throw new InvalidOperationException("The graph keeps state, but the step has none.");

    public long ScratchBytes => _scratch?.Length ?? 0;

    public void Begin(StepInputs inputs, CpuState? state)
    {
        Inputs = inputs;
        _state = state;
    }

    /// <summary>How many rows a space has in this step.</summary>
    public int Rows(RowSpace space) => space switch
    {
        RowSpace.Tokens => Inputs.RowCount,
        RowSpace.Outputs => Inputs.OutputCount,
        _ => Inputs.SequenceCount,
    };

    /// <summary>A worker's own scratch, aligned to 64 bytes.</summary>
    public byte* Scratch(int worker) => (byte*)_scratch!.Address + (worker * _scratchBytes);

    /// <summary>Makes room for each worker's scratch.</summary>
    public void ReserveScratch(long bytes)
    {
        bytes = (bytes + 4095) / 4096 * 4096;
        if (bytes > _scratchBytes || _scratch is null)
        {
            _scratch?.Dispose();
            _scratch = null;
            _scratch = new NativeBuffer(bytes * workers);
            _scratchBytes = bytes;
        }
    }

    public void Dispose()
    {
        _scratch?.Dispose();
        _scratch = null;
    }
}
