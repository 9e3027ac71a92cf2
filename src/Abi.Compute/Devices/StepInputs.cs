using Abi.Compute.Graphs;

namespace Abi.Compute.Devices;

/// <summary>
/// What changes from step to step. The token rows of a sequence are consecutive and in the order of their positions; a sequence appears at most once. All arrays belong to
/// this object, grow when needed, and are reused, so a steady state allocates nothing.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
public sealed class StepInputs
{
    private int[] _ids = [];
    private int[] _positions = [];
    private int[] _rowSequences = [];
    private int[] _outputRows = [];
    private StepSequence[] _sequences = [];

    /// <summary>The number of token rows.</summary>
    public int RowCount { get; private set; }

    /// <summary>The number of rows whose output is wanted.</summary>
    public int OutputCount { get; private set; }

    /// <summary>The number of sequences.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>The token id of each row: [rows].</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, RowCount);

    /// <summary>The position of each row in its sequence, which is also its place in the cache: [rows].</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, RowCount);

    /// <summary>The index in <see cref="Sequences"/> of each row: [rows].</summary>
    public ReadOnlySpan<int> RowSequences => _rowSequences.AsSpan(0, RowCount);

    /// <summary>The token rows whose output is wanted, ascending: [outputs].</summary>
    public ReadOnlySpan<int> OutputRows => _outputRows.AsSpan(0, OutputCount);

    /// <summary>The sequences that take part.</summary>
    public ReadOnlySpan<StepSequence> Sequences => _sequences.AsSpan(0, SequenceCount);

    /// <summary>The token row that a row of a space stands for, which is not that of sequences.</summary>
    internal int TokenRow(RowSpace space, int row) => space == RowSpace.Outputs ? _outputRows[row] : row;

    /// <summary>The sequence that a row of a space belongs to.</summary>
    internal StepSequence SequenceOf(RowSpace space, int row) => _sequences[space == RowSpace.Sequences ? row : _rowSequences[TokenRow(space, row)]];

    /// <summary>Empties the step.</summary>
    public void Clear()
    {
        RowCount = 0;
        OutputCount = 0;
        SequenceCount = 0;
    }

    /// <summary>Starts a sequence; the rows that follow are its own.</summary>
    /// <returns>The sequence, to set pages, lengths and slot.</returns>
    public StepSequence AddSequence()
    {
        if (SequenceCount == _sequences.Length)
        {
            Array.Resize(ref _sequences, Math.Max(4, SequenceCount * 2));
        }

        var sequence = _sequences[SequenceCount] ??= new StepSequence();
        sequence.Reset(RowCount);
        SequenceCount++;
        return sequence;
    }

    /// <summary>Adds a token row to the sequence started last.</summary>
    public void AddRow(int id, int position, bool wantsOutput)
    {
        if (SequenceCount == 0)
        {
            throw new InvalidOperationException("Start a sequence before its rows.");
        }

        if (RowCount == _ids.Length)
        {
            var length = Math.Max(16, RowCount * 2);
            Array.Resize(ref _ids, length);
            Array.Resize(ref _positions, length);
            Array.Resize(ref _rowSequences, length);
            Array.Resize(ref _outputRows, length);
        }

        _ids[RowCount] = id;
        _positions[RowCount] = position;
        _rowSequences[RowCount] = SequenceCount - 1;
        if (wantsOutput)
        {
            _outputRows[OutputCount++] = RowCount;
        }

        RowCount++;
        _sequences[SequenceCount - 1].RowCount++;
    }
}
