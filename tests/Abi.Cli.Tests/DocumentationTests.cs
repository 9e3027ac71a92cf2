using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Cli.Tests;

/// <summary>Runs the examples of docs/cli.md, in order and in one folder, and compares what they print; <c>…</c> stands for anything.</summary>
[NonParallelizable]
public sealed class DocumentationTests
{
    [Test]
    public async Task ExamplesPrintWhatTheDocumentationSays()
    {
        var path = DocumentPath();
        if (!File.Exists(path))
        {
            Assert.Ignore("The sources are not here.");
        }

        var examples = Examples(File.ReadAllLines(path)).ToList();
        Assert.That(examples, Has.Count.GreaterThan(12));
        using var folder = new TemporaryFolder();
        var current = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            foreach (var (command, output) in examples)
            {
                var words = Split(command);
                if (words is ["cat", var name])
                {
                    File.WriteAllText(name, output);
                    continue;
                }

                Assert.That(words[0], Is.EqualTo("abi"));
                var run = await CliRun.SucceedAsync([.. words[1..]]);
                var pattern = string.Join("[\\s\\S]*", output.Split('…').Select(Regex.Escape));
                Assert.That(Regex.IsMatch(run.Output, $"\\A{pattern}\\z", RegexOptions.None, TimeSpan.FromSeconds(10)), $"$ {command}\n{run.Output}\nis not\n{output}");
            }
        }
        finally
        {
            Environment.CurrentDirectory = current;
        }
    }

    private static IEnumerable<(string Command, string Output)> Examples(string[] lines)
    {
        var isInside = false;
        string? command = null;
        var output = new StringBuilder();
        foreach (var line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal) || (isInside && line.StartsWith("$ ", StringComparison.Ordinal)))
            {
                if (command is not null)
                {
                    yield return (command, output.ToString());
                }

                command = line.StartsWith("$ ", StringComparison.Ordinal) ? line[2..] : null;
                output.Clear();
                isInside = command is not null || line == "```console";
            }
            else if (isInside && command is not null)
            {
                output.Append(line).Append('\n');
            }
        }
    }

    private static string[] Split(string command) =>
        [.. Regex.Matches(command, "\"(?<quoted>[^\"]*)\"|(?<plain>\\S+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Select(match => match.Groups["quoted"].Success ? match.Groups["quoted"].Value : match.Groups["plain"].Value)];

    private static string DocumentPath([CallerFilePath] string file = "") => Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "docs", "cli.md");
}
