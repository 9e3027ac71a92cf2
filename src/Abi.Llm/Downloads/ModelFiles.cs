using System.Globalization;
using System.Text.RegularExpressions;

namespace Abi.Llm.Downloads;

/// <summary>Chooses the files of a model among those of a repository.</summary>
internal static partial class ModelFiles
{
    private const string DefaultType = "Q4_K_M";
    private const int MostParts = 9999;

    /// <summary>The files of a type, all parts of a split model in order; null when there are none.</summary>
    /// <param name="names">The repository's files, with their folders.</param>
    /// <param name="type">A type (<c>Q4_K_M</c>) or a file's name; null for Q4_K_M or, where that is missing, the first model.</param>
    public static IReadOnlyList<string>? TryChoose(IEnumerable<string> names, string? type)
    {
        var models = Models(names);
        if (type is null)
        {
            return Best(models, DefaultType) ?? (models.Count > 0 ? models[0] : null);
        }

        return models.FirstOrDefault(files => files.Any(name => name == type || name.EndsWith($"/{type}", StringComparison.Ordinal))) ?? Best(models, type);
    }

    /// <summary>The models among files: split ones as all their parts, in order. Projectors and importance matrices are no models.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Models(IEnumerable<string> names)
    {
        var all = names.Where(IsModel).ToList();
        List<IReadOnlyList<string>> models = [];
        foreach (var name in all)
        {
            var part = Part().Match(name);
            if (!part.Success)
            {
                models.Add([name]);
            }
            else if (part.Groups["no"].ValueSpan is "00001")
            {
                models.Add([.. PartNames(name)]);
            }
        }

        return models;
    }

    /// <summary>The names of all parts of a split model, given one; the name alone when it is not split.</summary>
    public static IEnumerable<string> PartNames(string name)
    {
        var match = Part().Match(name);
        var count = match.Success ? int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture) : 0;
        return count is < 1 or > MostParts
            ? [name]
            : Enumerable.Range(1, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"{match.Groups["prefix"].Value}-{i:00000}-of-{count:00000}.gguf"));
    }

    private static IReadOnlyList<string>? Best(IReadOnlyList<IReadOnlyList<string>> models, string type) =>
        models.Where(files => Contains(files[0], type)).OrderByDescending(files => Contains(files[0][(files[0].LastIndexOf('/') + 1)..], type)).ThenBy(files => files[0].Length).FirstOrDefault();

    /// <summary>Whether a name has a type as a word of its own: <c>Q4_K</c> is not in <c>model-Q4_K_M.gguf</c>, nor in <c>model-IQ4_K.gguf</c>.</summary>
    private static bool Contains(string name, string type)
    {
        for (var at = name.IndexOf(type, StringComparison.OrdinalIgnoreCase); at >= 0; at = name.IndexOf(type, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            var end = at + type.Length;
            if ((at == 0 || !char.IsAsciiLetterOrDigit(name[at - 1])) && (end == name.Length || (!char.IsAsciiLetterOrDigit(name[end]) && name[end] != '_')))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsModel(string name)
    {
        var file = name[(name.LastIndexOf('/') + 1)..];
        return file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
            && !file.Contains("mmproj", StringComparison.OrdinalIgnoreCase) && !file.Contains("imatrix", StringComparison.OrdinalIgnoreCase);
    }

    [GeneratedRegex(@"^(?<prefix>.*)-(?<no>[0-9]{5})-of-(?<count>[0-9]{5})\.gguf$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Part();
}
