using Abi.Compute.Cpu.Scans;
using Abi.Compute.Cpu.State;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Attention, scans and hooks.</summary>
internal sealed unsafe partial class CpuLowering
{
    private void LowerAttend(Attend o)
    {
        _stages.Add(null!); // uses are of the stage that follows
        var shape = new PageShape(o.Layer.Heads, o.Layer.KeySize, o.Layer.ValueSize, TensorType.F32, TensorType.F32);
        var stage = new AttendStage(_frame, o.Block, new AttentionScores(o.Settings), new CacheSource(_frame, o.Layer), Read(o.Queries), Make(o.Result), shape);
        _stages[^1] = stage;
        _owned.Add(stage);
    }

    private void LowerAttendWithin(AttendWithin o)
    {
        var shape = new PageShape(o.KeyValueHeads, o.Queries.Width / o.Settings.Heads, o.Values.Width / o.KeyValueHeads, TensorType.F32, TensorType.F32);
        var source = new PackedSource(_frame, shape);
        _owned.Add(source);
        _stages.Add(null!);
        _stages[^1] = new PackStage(_frame, o.Block, Read(o.Keys), Read(o.Values), source);
        _stages.Add(null!);
        var stage = new AttendStage(_frame, o.Block, new AttentionScores(o.Settings with { Causal = false }), source, Read(o.Queries), Make(o.Result), shape);
        _stages[^1] = stage;
        _owned.Add(stage);
    }

    private void LowerHook(Hook o)
    {
        _stages.Add(null!);
        _stages[^1] = new HookStage(_frame, o.Block, o.Point, Read(o.Point.Value));
    }

    private void LowerScan(Operation operation)
    {
        _stages.Add(null!);
        var (layer, scan) = ScanOf(operation);
        _stages[^1] = new ScanStage(_frame, operation.Block, layer, scan);
    }

    private (RecurrentLayer Layer, Scan Scan) ScanOf(Operation operation) => operation switch
    {
        Convolve o => (o.Layer, new ConvolveScan(Read(o.X), _vectors.GetTransposed(o.Weight), _vectors.Get(o.Bias), checked((int)o.Weight.Columns), Make(o.Result))),
        ShiftRows o => (o.Layer, new ShiftScan(Read(o.X), Make(o.Result))),
        SelectiveScan o => (o.Layer, new SelectiveScanUnits(Read(o.X), Read(o.Delta), Read(o.B), Read(o.C), _vectors.Get(o.A), _vectors.Get(o.D), Make(o.Result))),
        HeadScan o => (o.Layer, new HeadScanUnits(Read(o.X), Read(o.Delta), Read(o.B), Read(o.C), _vectors.Get(o.A), _vectors.Get(o.D), o.Groups, Make(o.Result))),
        Wkv6 o => (o.Layer, new Wkv6Units(Read(o.R), Read(o.K), Read(o.V), Read(o.Decay), _vectors.Get(o.First), o.HeadSize, Make(o.Result))),
        Wkv7 o => (o.Layer, new Wkv7Units(Read(o.R), Read(o.Decay), Read(o.K), Read(o.V), Read(o.A), Read(o.B), o.HeadSize, Make(o.Result))),
        DeltaScan o => (o.Layer, new DeltaScanUnits(Read(o.Q), Read(o.K), Read(o.V), Read(o.LogDecay), Read(o.Beta), o.Heads, o.QueryScale, Make(o.Result))),
        GatedLinearScan o => (o.Layer, new GatedLinearUnits(Read(o.Q), Read(o.K), Read(o.V), Read(o.Decay), o.HeadSize, o.QueryScale, Make(o.Result))),
        _ => throw new NotSupportedException($"The CPU device does not know the operation {operation.Name}."),
    };
}
