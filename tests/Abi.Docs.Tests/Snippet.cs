using System.Text.RegularExpressions;

namespace Abi.Docs.Tests;

/// <summary>A fenced block of C# in a Markdown file. `csharp` blocks are programs and are run; `csharp compile` blocks are compiled only (they need a network or never end).</summary>
public sealed record Snippet(string File, int Line, bool IsRun, string Code)
{
    private static readonly Regex Fence = new(@"^```csharp(?<flag>[^\n]*)\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline);

    public static IEnumerable<Snippet> All(string root)
    {
        IEnumerable<string> files = [.. Directory.GetFiles(root, "*.md"), .. Directory.GetFiles(Path.Combine(root, "docs"), "*.md"), .. Directory.GetFiles(Path.Combine(root, "src"), "README.md", SearchOption.AllDirectories)];
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            var text = System.IO.File.ReadAllText(file).ReplaceLineEndings("\n");
            foreach (Match match in Fence.Matches(text))
            {
                var line = text.AsSpan(0, match.Index).Count('\n') + 1;
                yield return new Snippet(Path.GetRelativePath(root, file), line, !match.Groups["flag"].Value.Contains("compile", StringComparison.Ordinal), match.Groups["code"].Value);
            }
        }
    }

    public override string ToString() => $"{File}:{Line}";
}
