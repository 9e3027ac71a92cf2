namespace Abi.Compute.Formats;

/// <summary>The codebooks of the IQ formats, unpacked: point p is the bytes [p × length, (p + 1) × length).</summary>
internal static class CodebookGrid
{
    private static ReadOnlySpan<sbyte> TwoBitValues => [8, 25, 43, 0];

    private static ReadOnlySpan<sbyte> ThreeBitValues => [4, 12, 20, 28, 36, 44, 52, 62];

    private static ReadOnlySpan<sbyte> OddValues => [1, 3, 5, 7, 9, 11, 13, 15];

    private static ReadOnlySpan<sbyte> TernaryValues => [-1, 0, 1, 0];

    /// <summary>256 points of 8.</summary>
    public static sbyte[] IQ2_XXS { get; } = Unpack(CodebookPoints.IQ2_XXS, 8, 2, TwoBitValues);

    /// <summary>512 points of 8.</summary>
    public static sbyte[] IQ2_XS { get; } = Unpack(CodebookPoints.IQ2_XS, 8, 2, TwoBitValues);

    /// <summary>1,024 points of 8.</summary>
    public static sbyte[] IQ2_S { get; } = Unpack(CodebookPoints.IQ2_S, 8, 2, TwoBitValues);

    /// <summary>256 points of 4.</summary>
    public static sbyte[] IQ3_XXS { get; } = Unpack(CodebookPoints.IQ3_XXS, 4, 3, ThreeBitValues);

    /// <summary>512 points of 4.</summary>
    public static sbyte[] IQ3_S { get; } = Unpack(CodebookPoints.IQ3_S, 4, 3, OddValues);

    /// <summary>2,048 points of 8, shared by IQ1_S and IQ1_M.</summary>
    public static sbyte[] IQ1 { get; } = Unpack(CodebookPoints.IQ1, 8, 2, TernaryValues);

    /// <summary>The 8 signs behind a 7-bit index: the eighth makes their number even.</summary>
    public static int Signs(int index) => index | ((System.Numerics.BitOperations.PopCount((uint)index) & 1) << 7);

    private static sbyte[] Unpack(ReadOnlySpan<ushort> points, int length, int bits, ReadOnlySpan<sbyte> values)
    {
        var grid = new sbyte[points.Length * length];
        for (var i = 0; i < grid.Length; i++)
        {
            grid[i] = values[(points[i / length] >> (bits * (i % length))) & ((1 << bits) - 1)];
        }

        return grid;
    }
}
