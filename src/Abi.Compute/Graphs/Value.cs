namespace Abi.Compute.Graphs;

/// <summary>A named float32 matrix [rows, <see cref="Width"/>] that one operation makes and others read.</summary>
/// <remarks>Immutable once its graph is built.</remarks>
public sealed class Value
{
    internal Value(int id, string name, RowSpace rows, int width, int block)
    {
        Id = id;
        Name = name;
        Rows = rows;
        Width = width;
        Block = block;
    }

    /// <summary>The index of the value in its graph, in the order of making.</summary>
    public int Id { get; }

    /// <summary>A name that is unique in the graph (<c>blk.3.attn_out</c>).</summary>
    public string Name { get; }

    /// <summary>What the rows stand for.</summary>
    public RowSpace Rows { get; }

    /// <summary>The floats of one row.</summary>
    public int Width { get; }

    /// <summary>The block of the model that made it; -1 before the first.</summary>
    public int Block { get; }

    /// <summary>Whether something outside the graph reads the value: nothing may be fused across it.</summary>
    public bool IsObserved { get; internal set; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{Rows}, {Width}]";
}
