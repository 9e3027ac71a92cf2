using System.Text.RegularExpressions;

namespace Abi.Docs.Tests;

public sealed class ExpectationTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "expectations.md"));

    [Test]
    public void EveryExpectationIsAnswered() =>
        Assert.That(Regex.Matches(Text, @"^\| (\d+) \| [^|]+ \| [^|]{7,} \|$", RegexOptions.Multiline).Select(match => int.Parse(match.Groups[1].Value, null)), Is.EqualTo(Enumerable.Range(1, 33)));

    [Test]
    public void EveryTestNamedExists()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories).ToLookup(path => Path.GetFileNameWithoutExtension(path));
        var names = Regex.Matches(Text, @"`(\w+)\.(\w+)`").Select(match => (Class: match.Groups[1].Value, Method: match.Groups[2].Value)).ToList();
        Assert.That(names, Has.Count.GreaterThan(40));
        Assert.Multiple(() =>
        {
            foreach (var (type, method) in names)
            {
                Assert.That(files[type].Any(path => Regex.IsMatch(File.ReadAllText(path), $@"public (async )?(void|Task) {method}\(")), Is.True, $"{type}.{method}");
            }
        });
    }
}
