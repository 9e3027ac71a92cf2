using System.Reflection;
using System.Text.RegularExpressions;

namespace Abi.Docs.Tests;

public sealed class ErrorListTests
{
    [Test]
    public void EveryExceptionIsListed()
    {
        string[] assemblies = [.. Directory.GetFiles(AppContext.BaseDirectory, "Abi.*.dll").Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => !name.EndsWith(".Tests", StringComparison.Ordinal))];
        Assert.That(assemblies, Does.Contain("Abi.Llm"));
        var exceptions = assemblies.SelectMany(name => Assembly.Load(name).GetExportedTypes()).Where(type => typeof(Exception).IsAssignableFrom(type)).Select(type => type.Name);
        var listed = Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md")), @"^\| `(\w+)` \|", RegexOptions.Multiline).Select(match => match.Groups[1].Value);
        Assert.That(listed, Is.EquivalentTo(exceptions));
    }
}
