using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// The vectors of one field and what finds them. Every vector can be found from the moment its record is committed: those that the graph does not have yet are compared one by one.
/// The graph is grown, repaired and, when it is lost, built anew by work in the background.
/// </summary>
internal sealed unsafe partial class VectorIndex
{
    /// <summary>From how many vectors on <see cref="IndexKind.Automatic"/> keeps a graph: a scan of as many takes about as long as a careful walk.</summary>
    public const int AutomaticGraph = 10_000;

    private readonly long _residentBytes;
    private readonly Lock _viewGate = new(); // publishing, never reading
    private readonly List<int> _new = [];
    private GraphView _view = GraphView.None;

    /// <param name="field">The field.</param>
    /// <param name="residentBytes">How many bytes its vectors may take in memory before they stay on disk.</param>
    public VectorIndex(VectorField field, long residentBytes)
    {
        (Field, _residentBytes) = (field, residentBytes);
        Space = VectorSpace.Of(field);
        Rows = new NativeColumn(Space.RowBytes);
        if (field.IsQuantized)
        {
            CodeSpace = VectorSpace.OfCodes(field);
            Codes = new NativeColumn(CodeSpace.RowBytes);
        }
    }

    public VectorField Field { get; }

    public VectorSpace Space { get; }

    /// <summary>The vectors, a row a slot.</summary>
    public NativeColumn Rows { get; }

    /// <summary>The space of <see cref="Codes"/>; null when the field is not quantized.</summary>
    public VectorSpace? CodeSpace { get; }

    /// <summary>One byte an element a slot; null when the field is not quantized.</summary>
    public NativeColumn? Codes { get; }

    public SlotArray<SlotState> States { get; } = new(SlotState.None);

    /// <summary>The graph; null while every search is a scan.</summary>
    public NearIndex? Graph => View.Graph;

    /// <summary>Whether the rows may stay in the mapped file.</summary>
    public bool IsMapped(int rows) => Codes is not null || UsesInvertedFile(rows) || UsesDiskGraph(rows) || (long)rows * Space.RowBytes > _residentBytes / 2;

    /// <summary>Whether so many vectors may be read from an encrypted file page by page: no walk in memory goes from one to the next.</summary>
    public bool CanBePaged(int vectors) => Codes is not null || UsesInvertedFile(vectors) || UsesDiskGraph(vectors) || Field.IndexKind == IndexKind.Flat;

    /// <summary>Whether a slot stays as it is until the collection is read anew.</summary>
    public bool IsFixed(int slot) => slot < Rows.PagedSlots || Graph?.IsFixed(slot) == true;

    /// <summary>Whether a checkpoint writes a graph on disk for so many vectors.</summary>
    public bool UsesDiskGraph(int vectors) => vectors >= AutomaticGraph && Field.Element == VectorElement.Float32
        && (Field.IndexKind == IndexKind.DiskAnn || (Field.IndexKind == IndexKind.Automatic && Codes is null && (long)vectors * Space.RowBytes > _residentBytes));

    /// <summary>Whether the graph on disk was lost: searches compare every vector until a checkpoint has made it anew.</summary>
    public bool LacksDiskGraph { get; set; }

    /// <summary>Whether a checkpoint should bring to disk what is in memory.</summary>
    public bool IsMergeDue => LacksDiskGraph || (UsesDiskGraph(VectorCount) && (long)(VectorCount - ((Graph as DiskGraph)?.Nodes ?? 0)) * Space.RowBytes > _residentBytes / 2);

    /// <summary>The bytes of memory that vectors, codes and graph take, what is in mapped files not counted.</summary>
    public long ResidentBytes => Rows.OwnedBytes + (Codes?.OwnedBytes ?? 0) + (Graph?.ResidentBytes ?? 0);

    /// <summary>Whether a graph is being built for vectors that had one or need one.</summary>
    public bool IsBuilding => View is { Graph: not null, Pending.Count: > 0 };

    /// <summary>The slots that wait for the graph.</summary>
    public PendingSlots Pending => View.Pending;

    /// <summary>How many slots are to get into the graph.</summary>
    public int WaitingCount => LacksDiskGraph ? VectorCount : Pending.Count;

    /// <summary>Slots that have a vector, deleted ones that are not yet reused included.</summary>
    public int VectorCount { get; private set; }

    /// <summary>Bytes of a vector as the log has it.</summary>
    public int RawBytes => Space.RawBytes;

    /// <summary>Makes room for slots below a number.</summary>
    public void Grow(int slots)
    {
        States.Grow(slots);
        Rows.Grow(slots);
        Codes?.Grow(slots);
    }

    /// <summary>Puts a vector into a slot. By the writer, before the record is visible.</summary>
    public void Set(int slot, ReadOnlySpan<byte> raw)
    {
        Space.Encode(raw, Rows.Row(slot));
        if (Codes is not null)
        {
            EncodeCode(raw, Codes.Row(slot));
        }

        AddSlot(slot);
    }

    /// <summary>Makes the codes of all slots anew.</summary>
    public void EncodeCodes(int slots)
    {
        var raw = new byte[RawBytes];
        var buffer = QueryBuffer.Rent(Space.RowBytes);
        for (var slot = 0; slot < slots; slot++)
        {
            if (States[slot] != SlotState.None)
            {
                Space.Decode(Rows.Row(slot, buffer.Address), raw);
                EncodeCode(raw, Codes!.Row(slot));
            }
        }

        buffer.Return();
    }

    /// <summary>Registers a slot whose row is in place and that no graph has.</summary>
    public void AddSlot(int slot)
    {
        VectorCount++;
        States[slot] = Graph is null ? SlotState.Loose : SlotState.Pending;
        if (Graph is not null)
        {
            _new.Add(slot);
        }
    }

    /// <summary>The bytes of a slot's vector; empty when it has none.</summary>
    public byte[] Raw(int slot)
    {
        if (States[slot] == SlotState.None)
        {
            return [];
        }

        var raw = new byte[RawBytes];
        var buffer = QueryBuffer.Rent(Space.RowBytes);
        Space.Decode(Rows.Row(slot, buffer.Address), raw);
        buffer.Return();
        GC.KeepAlive(this);
        return raw;
    }

    /// <summary>Lets the vectors set since the last call be found. By the writer, before it publishes its sequence.</summary>
    /// <param name="slots">All slots are below this.</param>
    public void Publish(int slots)
    {
        if (Graph is null && !LacksDiskGraph && (Field.IndexKind == IndexKind.Hnsw || (Field.IndexKind != IndexKind.Flat && VectorCount >= AutomaticGraph)))
        {
            StartGraph(slots);
        }

        if (_new.Count > 0)
        {
            PublishNew(null);
        }
    }

    /// <summary>Gives up a slot's vector, if nothing refers to it. By the writer, when no reader can see the record any more.</summary>
    /// <returns>False while the graph still has it, or it waits for the graph.</returns>
    public bool TryRelease(int slot)
    {
        switch (States[slot])
        {
            case SlotState.None:
                return true;
            case SlotState.Loose:
                States[slot] = SlotState.None;
                VectorCount--;
                return true;
            default:
                return false;
        }
    }

    private GraphView View => Volatile.Read(ref _view);

    private void EncodeCode(ReadOnlySpan<byte> raw, byte* code)
    {
        fixed (byte* vector = raw)
        {
            ScalarCode.Encode((float*)vector, code, Field.Dimensions, Field.DistanceFunction == DistanceFunction.CosineSimilarity);
        }
    }

    private bool UsesInvertedFile(int vectors) => vectors >= AutomaticGraph && Field.IndexKind == IndexKind.IvfPq;

    private HnswGraph NewGraph() => (CodeSpace ?? Space).CreateGraph(Codes ?? Rows, Field.Connections, Field.ConstructionEffort);

    // From the vectors that are there, deleted ones included. The writer waits for it: once at first; later the work in the background does it.
    private InvertedFile Learn(int slots)
    {
        List<int> all = [];
        for (var slot = 0; slot < slots; slot++)
        {
            if (States[slot] != SlotState.None)
            {
                all.Add(slot);
            }
        }

        return InvertedFile.Train(Space, Field.DistanceFunction, Rows, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all), Environment.ProcessorCount);
    }

    private void StartGraph(int slots)
    {
        Adopt(UsesInvertedFile(VectorCount) ? Learn(slots) : NewGraph(), slots);
    }

    // With a graph, or with the one that is there: the work in the background may just be replacing it.
    private void PublishNew(NearIndex? graph)
    {
        lock (_viewGate)
        {
            Volatile.Write(ref _view, new GraphView(graph ?? _view.Graph, _view.Pending.Append(_new)));
        }

        _new.Clear();
    }
}
