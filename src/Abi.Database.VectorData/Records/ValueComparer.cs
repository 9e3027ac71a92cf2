namespace Abi.Database.VectorData.Records;

/// <summary>The order of stored values of one kind: nothing comes first, texts go by the numbers of their characters.</summary>
internal sealed class ValueComparer : IComparer<object?>
{
    public static ValueComparer Instance { get; } = new();

    public int Compare(object? x, object? y) => x is string one && y is string other ? string.CompareOrdinal(one, other) : Comparer<object?>.Default.Compare(x, y);
}
