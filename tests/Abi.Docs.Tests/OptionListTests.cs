using System.Reflection;
using System.Text.RegularExpressions;
using Abi.Database;
using Abi.Database.Postgres;
using Abi.Llm;

namespace Abi.Docs.Tests;

public sealed class OptionListTests
{
    /// <summary>Whoever configures a program looks for its options in docs/features.md, and finds all of them.</summary>
    [TestCase("Llm", typeof(LlmOptions))]
    [TestCase("Database", typeof(DatabaseOptions))]
    [TestCase("Postgres", typeof(PostgresOptions))]
    public void EveryOptionOfAFeatureIsListed(string feature, Type options)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "features.md"));
        var section = Regex.Match(text, $"^### The options of {feature}$(.*?)^##", RegexOptions.Multiline | RegexOptions.Singleline).Groups[1].Value;
        var listed = Regex.Matches(section, "`(\\w+)(:\\*)?`").Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var names = options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.SetMethod?.IsPublic == true).Select(property => property.Name).ToList();
        Assert.That(names, Is.Not.Empty);
        Assert.That(names.Except(listed), Is.Empty);
    }
}
