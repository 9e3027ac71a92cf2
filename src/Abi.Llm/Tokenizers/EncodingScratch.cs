namespace Abi.Llm.Tokenizers;

/// <summary>Lists of ids that one thread uses again and again.</summary>
internal static class EncodingScratch
{
    /// <summary>A list that has grown larger is not kept.</summary>
    private const int LargestKept = 1 << 16;

    [ThreadStatic]
    private static List<int>? _ids;

    /// <summary>An empty list, for the caller alone until it is returned.</summary>
    public static List<int> RentIds()
    {
        var ids = _ids ?? [];
        _ids = null;
        return ids;
    }

    public static void ReturnIds(List<int> ids)
    {
        ids.Clear();
        _ids = ids.Capacity <= LargestKept ? ids : null;
    }
}
