using System.Collections.Concurrent;
using System.Globalization;

namespace Abi.Llm.Grammars.Regular;

/// <summary>The characters of Unicode's general categories.</summary>
internal static class UnicodeCategories
{
    /// <summary>Short names in the order of <see cref="UnicodeCategory"/>.</summary>
    private static readonly string[] Names =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly ConcurrentDictionary<string, CodePointSet> Made = new(StringComparer.Ordinal);

    /// <summary>A category (<c>Lu</c>) or a group of them (<c>L</c>), or null.</summary>
    public static CodePointSet? Find(string name) => Array.Exists(Names, known => known == name || (name.Length == 1 && known[0] == name[0])) ? Made.GetOrAdd(name, Collect) : null;

    private static CodePointSet Collect(string name)
    {
        List<(int, int)> ranges = [];
        for (var value = 0; value <= CodePointSet.Last; value++)
        {
            var first = value;
            while (value <= CodePointSet.Last && Names[(int)CharUnicodeInfo.GetUnicodeCategory(value)].StartsWith(name, StringComparison.Ordinal))
            {
                value++;
            }

            if (value > first)
            {
                ranges.Add((first, value - 1));
            }
        }

        return CodePointSet.Of([.. ranges]).Intersect(CodePointSet.All);
    }
}
