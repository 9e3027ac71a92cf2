namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's <c>sorted</c>: stable, also in reverse, and an error where two keys have no order.</summary>
internal static class JinjaSorting
{
    public static JinjaList Sort(JinjaList items, Func<object?, object?> key, bool reverse, JinjaRuntime runtime)
    {
        var entries = new (object? Key, object? Item)[items.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = (key(items[i]), items[i]);
        }

        // Merging runs of 1, 2, 4, ... entries from one array into another.
        var target = new (object? Key, object? Item)[entries.Length];
        for (var run = 1; run < entries.Length; run *= 2)
        {
            for (var start = 0; start < entries.Length; start += 2 * run)
            {
                Merge(entries, target, start, Math.Min(start + run, entries.Length), Math.Min(start + (2 * run), entries.Length), reverse, runtime);
            }

            (entries, target) = (target, entries);
        }

        return new JinjaList(entries.Select(entry => entry.Item));
    }

    private static void Merge((object? Key, object? Item)[] source, (object? Key, object? Item)[] target, int left, int middle, int end, bool reverse, JinjaRuntime runtime)
    {
        var right = middle;
        for (var i = left; i < end; i++)
        {
            runtime.Step();
            var takesRight = left >= middle
                || (right < end && (reverse ? JinjaOperators.IsLess(source[left].Key, source[right].Key) : JinjaOperators.IsLess(source[right].Key, source[left].Key)));
            target[i] = takesRight ? source[right++] : source[left++];
        }
    }
}
