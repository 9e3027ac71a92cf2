using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Rows;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Operations on rows.</summary>
internal sealed unsafe partial class CpuLowering
{
    private void LowerRows(Operation operation)
    {
        var space = operation.Output?.Rows ?? operation.Inputs[0].Rows;
        if (operation is Rope rope && !_ropeTables.ContainsKey((rope.Settings, space)))
        {
            AddRopeTable(rope, space);
        }

        var stage = Rows(space, operation.Block);
        stage.Add(TryElement(operation) ?? RowOperationOf(operation));
    }

    private void AddRopeTable(Rope rope, RowSpace space)
    {
        var stage = Rows(space, rope.Block);
        var table = Track(new Slot("rope table", space, RopeTable.Width(rope.Settings), ((RopeTable.Width(rope.Settings) * sizeof(float)) + 63) / 64 * 64));
        table.Use(LastStage);
        _ropeTables.Add((rope.Settings, space), table);
        stage.Add(new RopeTable(rope.Settings, rope.Settings.FrequencyFactors?.ToFloats() ?? [], table));
    }

    private RowOperation RowOperationOf(Operation operation)
    {
        switch (operation)
        {
            case Embed o: return new EmbedRow(o.Table, EmbedIndex.Id, 0, Make(o.Result));
            case EmbedPositions o: return new EmbedRow(o.Table, EmbedIndex.Position, o.Offset, Make(o.Result));
            case EmbedConstant o: return new EmbedRow(o.Table, EmbedIndex.Constant, o.Row, Make(o.Result));
            case SelectOutputs o: return new SelectRow(Read(o.X), Make(o.Result));
            case Pool o: return new PoolRow(Read(o.X), o.Kind, Make(o.Result));
            case Adapt o: return new AdaptRow(o.Weight, o.X.Rows, Read(o.X), Read(o.Y), MakeFrom(o.Result, o.Y));
            case AdaptExperts o: return new AdaptExpertsRow(o.Weight, o.X.Rows, Read(o.X), Read(o.Y), Read(o.Route), MakeFrom(o.Result, o.Y));
            case AdaptEmbedding o: return new AdaptEmbeddingRow(o.Table, Read(o.Y), MakeFrom(o.Result, o.Y));
            case Slice o: return new SliceRow(Read(o.X), o.Groups, o.Offset, Make(o.Result));
            case Concatenate o: return new ConcatenateRow([.. o.Parts.Select(Read)], o.Groups, [.. o.Shared], Make(o.Result));
            case Repeat o: return new RepeatRow(Read(o.X), o.Groups, o.Times, o.Interleaved, Make(o.Result));
            case Route o: return new RouteRow(o.Settings, _vectors.Get(o.Settings.SelectionBias), Read(o.Logits), Make(o.Result));
            case ExpertScale o: return new ExpertScaleRow(Read(o.X), Read(o.Route), Make(o.Result));
            case ExpertSum o: return new ExpertSumRow(Read(o.X), Read(o.Route), o.Weighted, _vectors.Get(o.Scales), Make(o.Result));
            case RmsNorm o: return new NormRow(NormKind.RmsNorm, Read(o.X), o.GroupWidth, o.Epsilon, _vectors.Get(o.Weight, o.X.Width), _vectors.Get(o.Bias, o.X.Width), MakeFrom(o.Result, o.X));
            case LayerNorm o: return new NormRow(NormKind.LayerNorm, Read(o.X), o.GroupWidth, o.Epsilon, _vectors.Get(o.Weight, o.X.Width), _vectors.Get(o.Bias, o.X.Width), MakeFrom(o.Result, o.X));
            case L2Norm o: return new NormRow(NormKind.L2Norm, Read(o.X), o.GroupWidth, o.Epsilon, null, null, MakeFrom(o.Result, o.X));
            case Softmax o: return new NormRow(NormKind.Softmax, Read(o.X), o.GroupWidth, 0, null, null, MakeFrom(o.Result, o.X));
            case Multiply o: return new MultiplyRuns(Read(o.A), Read(o.B), MakeFrom(o.Result, o.A));
            case Rope o:
                var table = _ropeTables[(o.Settings, o.X.Rows)];
                table.Use(LastStage);
                return new RopeRow(Read(o.X), o.Settings, table, MakeFrom(o.Result, o.X));
            case Store o: return new StoreRow(o.Layer, Read(o.Keys), Read(o.Values));
            default: throw new NotSupportedException($"The CPU device does not know the operation {operation.Name}.");
        }
    }

    /// <summary>The operation as one on single elements, or null when it is none.</summary>
    private ElementOperation? TryElement(Operation operation) => operation switch
    {
        Add o => new MapRows<AddLanes>("add", Read(o.A), Read(o.B), MakeFromEither(o.Result, o.A, o.B), default),
        AddWeight o => Weighted<AddLanes>("add weight", o.X, _vectors.Get(o.Weight, o.X.Width), o.Result),
        Multiply o when o.A.Width == o.B.Width => new MapRows<MultiplyLanes>("multiply", Read(o.A), Read(o.B), MakeFromEither(o.Result, o.A, o.B), default),
        MultiplyWeight o => Weighted<MultiplyLanes>("multiply weight", o.X, _vectors.Get(o.Weight, o.X.Width), o.Result),
        Scale o => Map("scale", o.X, o.Result, new ScaleLanes(o.Factor, o.Offset)),
        ScaleByPosition o => new ScalePositionRow(o, Read(o.X), MakeFrom(o.Result, o.X)),
        Clamp o => Map("clamp", o.X, o.Result, new ClampLanes(o.Low, o.High)),
        SoftCap o => Map("soft cap", o.X, o.Result, new SoftCapLanes(o.Cap)),
        Activate o => ElementOf(o),
        Gate o => ElementOf(o),
        _ => null,
    };

    private ElementOperation ElementOf(Activate o) => o.Kind switch
    {
        ActivationKind.Silu => Map("silu", o.X, o.Result, default(SiluLanes)),
        ActivationKind.Gelu => Map("gelu", o.X, o.Result, default(GeluLanes)),
        ActivationKind.GeluErf => Map("gelu erf", o.X, o.Result, default(GeluErfLanes)),
        ActivationKind.GeluQuick => Map("gelu quick", o.X, o.Result, default(GeluQuickLanes)),
        ActivationKind.Relu => Map("relu", o.X, o.Result, default(ReluLanes)),
        ActivationKind.ReluSquared => Map("relu squared", o.X, o.Result, default(ReluSquaredLanes)),
        ActivationKind.Sigmoid => Map("sigmoid", o.X, o.Result, default(SigmoidLanes)),
        ActivationKind.Tanh => Map("tanh", o.X, o.Result, default(TanhLanes)),
        ActivationKind.Exp => Map("exp", o.X, o.Result, default(ExpLanes)),
        ActivationKind.Softplus => Map("softplus", o.X, o.Result, default(SoftplusLanes)),
        ActivationKind.Negate => Map("negate", o.X, o.Result, default(NegateLanes)),
        ActivationKind.ExpNegExp => Map("exp of negative exp", o.X, o.Result, default(ExpNegExpLanes)),
        ActivationKind.XIelu => Map("xielu", o.X, o.Result, new XIeluLanes(o.Parameters[0], o.Parameters[1], o.Parameters[2], o.Parameters[3])),
        _ => throw new NotSupportedException($"The CPU device does not know the activation {o.Kind}."),
    };

    private ElementOperation ElementOf(Gate o) => o.Kind switch
    {
        GateKind.SwiGlu => Gated<GatedLanes<SiluLanes>>(o, default),
        GateKind.GeGlu => Gated<GatedLanes<GeluLanes>>(o, default),
        GateKind.GeGluErf => Gated<GatedLanes<GeluErfLanes>>(o, default),
        GateKind.ReGlu => Gated<GatedLanes<ReluLanes>>(o, default),
        GateKind.Glu => Gated<GatedLanes<SigmoidLanes>>(o, default),
        GateKind.SwiGluOai => Gated(o, new SwiGluOaiLanes(o.Parameters[0], o.Parameters[1])),
        _ => throw new NotSupportedException($"The CPU device does not know the gate {o.Kind}."),
    };

    private MapRow<TFunction> Map<TFunction>(string name, Value x, Value result, TFunction function)
        where TFunction : struct, ILaneFunction => new(name, Read(x), MakeFrom(result, x), function);

    private MapWeight<TFunction> Weighted<TFunction>(string name, Value x, float* weight, Value result)
        where TFunction : struct, ILaneFunction2 => new(name, Read(x), weight, MakeFrom(result, x), default);

    private MapRows<TFunction> Gated<TFunction>(Gate o, TFunction function)
        where TFunction : struct, ILaneFunction2 => new(o.Kind.ToString(), Read(o.GateInput), Read(o.Up), MakeFromEither(o.Result, o.GateInput, o.Up), function);

    private Slot MakeFromEither(Value result, Value a, Value b)
    {
        var (slotA, slotB) = (_slotOf[a.Id]!, _slotOf[b.Id]!);
        var slot = MakeFrom(result, a);
        if (slot == slotA || slot == slotB)
        {
            return slot;
        }

        _slots.Remove(slot);
        return MakeFrom(result, b);
    }
}
