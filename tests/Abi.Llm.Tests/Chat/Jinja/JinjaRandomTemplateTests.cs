using System.Text.Json;

namespace Abi.Llm.Tests.Chat.Jinja;

/// <summary>Random templates give what Jinja2 gives; <c>Random/README.md</c> says how they were made.</summary>
public sealed class JinjaRandomTemplateTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Chat", "Jinja", "Random");

    [Test]
    public void RandomTemplatesGiveWhatJinja2Gives()
    {
        var variables = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "variables.json"))).RootElement;
        List<string> failures = [];
        var count = 0;
        foreach (var line in File.ReadLines(Path.Combine(Folder, "templates.jsonl")))
        {
            count++;
            using var record = JsonDocument.Parse(line);
            var source = record.RootElement.GetProperty("template").GetString()!;
            JinjaTemplateTests.Check(failures, source, source, variables, record.RootElement);
        }

        Assert.That(failures, Is.Empty, string.Join("\n", failures));
        Assert.That(count, Is.GreaterThan(400));
    }
}
