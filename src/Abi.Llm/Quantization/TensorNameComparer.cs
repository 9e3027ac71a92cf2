namespace Abi.Llm.Quantization;

/// <summary>The order in which tensors are quantised and written: those outside of blocks first, then block by block, each by name.</summary>
internal sealed class TensorNameComparer : IComparer<string>
{
    public static TensorNameComparer Instance { get; } = new();

    /// <summary>The number behind <c>blk.</c>, or −1.</summary>
    public static int BlockOf(string name)
    {
        if (!name.StartsWith("blk.", StringComparison.Ordinal))
        {
            return -1;
        }

        var digits = name.AsSpan(4);
        var end = digits.IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(end < 0 ? digits : digits[..end], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var block) ? block : -1;
    }

    public int Compare(string? x, string? y)
    {
        var byBlock = BlockOf(x!).CompareTo(BlockOf(y!));
        return byBlock != 0 ? byBlock : string.CompareOrdinal(x, y);
    }
}
