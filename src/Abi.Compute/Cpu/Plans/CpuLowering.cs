using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Threading;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>
/// Turns a graph into the stages of a <see cref="CpuPlan"/>. Operations on rows that follow each other become one stage; products that read the same value become one stage with
/// one preparation of it, and take what follows element by element (bias, residual, activation, gate) into their chunks; results overwrite inputs that nothing else reads.
/// Nothing is fused across an observed value.
/// </summary>
#pragma warning disable CA1001 // the plan owns what it is made of
internal sealed partial class CpuLowering
#pragma warning restore CA1001
{
    private readonly Graph _graph;
    private readonly LoweringOptions _options;
    private readonly WorkerTeam _team;
    private readonly StepFrame _frame;
    private readonly WeightVectors _vectors = new();
    private readonly List<IDisposable> _owned = [];
    private readonly List<Stage> _stages = [];
    private readonly List<Slot> _slots = [];
    private readonly Slot?[] _slotOf; // by value id
    private readonly int[] _stageOf; // the stage that makes a value, by value id
    private readonly List<int>[] _readers; // the operations that read a value, by value id
    private readonly bool[] _isDone; // by operation
    private readonly Dictionary<(int Value, ActivationForm Form, int Columns), PreparedRows> _prepared = [];
    private readonly Dictionary<(RopeSettings Settings, RowSpace Rows), Slot> _ropeTables = [];

    public CpuLowering(Graph graph, LoweringOptions options, WorkerTeam team)
    {
        _graph = graph;
        _options = options;
        _team = team;
        _frame = new StepFrame(team.Threads);
        _slotOf = new Slot?[graph.Values.Length];
        _stageOf = new int[graph.Values.Length];
        _isDone = new bool[graph.Operations.Length];
        _readers = [.. graph.Values.Select(_ => new List<int>())];
        for (var i = 0; i < graph.Operations.Length; i++)
        {
            foreach (var input in graph.Operations[i].Inputs)
            {
                _readers[input.Id].Add(i);
            }
        }
    }

    private int LastStage => _stages.Count - 1;

    public CpuPlan Lower()
    {
        try
        {
            for (var i = 0; i < _graph.Operations.Length; i++)
            {
                if (!_isDone[i])
                {
                    _isDone[i] = true;
                    Lower(_graph.Operations[i], i);
                }
            }

            ProductStage? next = null;
            for (var i = _stages.Count - 1; i >= 0; i--)
            {
                if (_stages[i] is ProductStage products)
                {
                    products.Next = next;
                    next = products;
                }
            }

            foreach (var output in _graph.Outputs)
            {
                _slotOf[output.Id]?.Keep();
            }

            var outputs = new Slot?[_slotOf.Length];
            foreach (var output in _graph.Outputs)
            {
                outputs[output.Id] = _slotOf[output.Id];
            }

            return new CpuPlan(_graph, _options, _team, _frame, _stages, outputs, new ScratchLayout(_slots), _vectors, _owned);
        }
        catch
        {
            _owned.ForEach(owned => owned.Dispose());
            _vectors.Dispose();
            throw;
        }
    }

    private void Lower(Operation operation, int index)
    {
        switch (operation)
        {
            case MatMul o: LowerProducts(o, index); break;
            case GroupedMatMul o: LowerGrouped(o); break;
            case ExpertMatMul o: LowerExperts(o, index); break;
            case Attend o: LowerAttend(o); break;
            case Hook o: LowerHook(o); break;
            case AttendWithin o: LowerAttendWithin(o); break;
            case Convolve or SelectiveScan or HeadScan or ShiftRows or Wkv6 or Wkv7 or DeltaScan or GatedLinearScan: LowerScan(operation); break;
            default: LowerRows(operation); break;
        }
    }

    private T AddStage<T>(T stage)
        where T : Stage
    {
        _stages.Add(stage);
        return stage;
    }

    /// <summary>The slot of a value that is read in the last stage.</summary>
    private Slot Read(Value value)
    {
        var slot = _slotOf[value.Id] ?? throw new InvalidOperationException($"'{value.Name}' is read before it is made.");
        slot.Use(LastStage);
        return slot;
    }

    /// <summary>The slot of a value that the last stage makes: one of its own.</summary>
    private Slot Make(Value value)
    {
        var slot = Track(new Slot(value.Name, value.Rows, value.Width, RowBytes(value)));
        return Place(value, slot);
    }

    /// <summary>The slot of a value that the last stage makes element by element from another: the other's, when nothing else reads that.</summary>
    private Slot MakeFrom(Value value, Value source)
    {
        var slot = _slotOf[source.Id]!;
        return !source.IsObserved && _readers[source.Id].Count == 1 && slot.RowBytes == RowBytes(value) && source.Width == value.Width && source.Rows == value.Rows && slot.Width == value.Width
            ? Place(value, slot)
            : Make(value);
    }

    private Slot Place(Value value, Slot slot)
    {
        slot.Use(LastStage);
        _slotOf[value.Id] = slot;
        _stageOf[value.Id] = LastStage;
        return slot;
    }

    private Slot Track(Slot slot)
    {
        _slots.Add(slot);
        return slot;
    }

    /// <summary>Rows begin at multiples of 64 bytes, except those that callers read row after row.</summary>
    private static long RowBytes(Value value) => value.IsObserved ? (long)value.Width * sizeof(float) : ((long)value.Width * sizeof(float) + 63) / 64 * 64;

    /// <summary>A stage of row operations to add to: the last one, or a new one.</summary>
    private RowStage Rows(RowSpace rows, int block) => _stages.Count > 0 && _stages[^1] is RowStage stage && stage.Rows == rows ? stage : AddStage(new RowStage(_frame, block, rows));
}
