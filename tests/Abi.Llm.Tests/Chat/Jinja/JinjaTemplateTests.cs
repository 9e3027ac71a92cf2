using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Llm.Chat.Jinja;
using Abi.Testing;

namespace Abi.Llm.Tests.Chat.Jinja;

[Parallelizable]
public sealed class JinjaTemplateTests
{
    private static readonly DateTimeOffset Now = new(2024, 7, 26, 12, 34, 56, TimeSpan.Zero);

    [Test]
    public void EveryPublishedTemplateRendersEveryConversation()
    {
        var path = Fixtures.Path("chat-templates", "conversations.jsonl");
        List<string> failures = [];
        var count = 0;
        foreach (var line in File.ReadLines(path))
        {
            count++;
            using var record = JsonDocument.Parse(line);
            var row = record.RootElement;
            var name = row.GetProperty("template").GetString()!;
            var source = File.ReadAllText(Fixtures.Path("chat-templates", "templates", name));
            var variables = new JsonObject();
            foreach (var key in new[] { "messages", "tools", "add_generation_prompt", "bos_token", "eos_token", "enable_thinking" })
            {
                if (row.TryGetProperty(key, out var value))
                {
                    variables[key] = JsonNode.Parse(value.GetRawText());
                }
            }

            if (row.TryGetProperty("extra", out var extra))
            {
                foreach (var property in extra.EnumerateObject())
                {
                    variables[property.Name] = JsonNode.Parse(property.Value.GetRawText());
                }
            }

            Check(failures, $"{name} / {row.GetProperty("case")}", source, JsonSerializer.SerializeToElement(variables), row);
        }

        Assert.That(failures, Is.Empty, $"{failures.Count} of {count}: {string.Join("\n", failures.Take(5))}");
        Assert.That(count, Is.GreaterThan(200));
    }

    [Test]
    public void EveryFeatureTemplateRenders()
    {
        var variables = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("chat-templates", "jinja-features-context.json"))).RootElement;
        List<string> failures = [];
        foreach (var line in File.ReadLines(Fixtures.Path("chat-templates", "jinja-features.jsonl")))
        {
            using var record = JsonDocument.Parse(line);
            var source = record.RootElement.GetProperty("template").GetString()!;
            Check(failures, source, source, variables, record.RootElement);
        }

        Assert.That(failures, Is.Empty, string.Join("\n", failures));
    }

    [TestCase("{{ 'x' * 1000000000 }}")]
    [TestCase("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [TestCase("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [TestCase("{{ '%999999999d' % 1 }}")]
    [TestCase("{{ [0] * 99999999 }}")]
    public void AHostileTemplateEndsInAnError(string template) =>
        Assert.That(() => JinjaTemplate.Parse(template).Render(JsonDocument.Parse("{}").RootElement, Now), Throws.TypeOf<JinjaException>().With.Property("Kind").EqualTo(JinjaErrorKind.Limit));

    [Test]
    public void DeepNestingIsAnErrorNotACrash()
    {
        Assert.That(() => JinjaTemplate.Parse("{{ " + new string('(', 100_000) + "1" + new string(')', 100_000) + " }}"), Throws.TypeOf<JinjaException>());
        Assert.That(() => JinjaTemplate.Parse("{{ " + string.Concat(Enumerable.Repeat("not ", 100_000)) + "1 }}"), Throws.TypeOf<JinjaException>());
        Assert.That(() => JinjaTemplate.Parse("{{ " + string.Concat(Enumerable.Repeat("-", 100_000)) + "1 }}"), Throws.TypeOf<JinjaException>());
        Assert.That(() => JinjaTemplate.Parse(string.Concat(Enumerable.Repeat("{% if 1 %}", 100_000))), Throws.TypeOf<JinjaException>());
    }

    [TestCase("{{ 1 + }}")]
    [TestCase("{% if %}")]
    [TestCase("{% for x %}{% endfor %}")]
    [TestCase("{{ x | nosuch }}")]
    [TestCase("{{ x is nosuch }}")]
    [TestCase("{% endif %}")]
    [TestCase("{% if x %}")]
    [TestCase("{{ 'open }}")]
    [TestCase("{# open")]
    [TestCase("{{ ) }}")]
    [TestCase("{% nosuch %}")]
    [TestCase("{%")]
    [TestCase("{{")]
    [TestCase("{% raw %}x")]
    public void ABrokenTemplateIsASyntaxError(string template) =>
        Assert.That(() => JinjaTemplate.Parse(template), Throws.TypeOf<JinjaException>().With.Property("Kind").EqualTo(JinjaErrorKind.Syntax));

    internal static void Check(List<string> failures, string what, string source, JsonElement variables, JsonElement row)
    {
        try
        {
            var text = JinjaTemplate.Parse(source).Render(variables, Now);
            if (!row.TryGetProperty("expected", out var expected))
            {
                failures.Add($"{what}: no error; {text}");
            }
            else if (!string.Equals(text, expected.GetString(), StringComparison.Ordinal))
            {
                failures.Add($"{what}:\n  expected {expected}\n  got      {JsonSerializer.Serialize(text)}");
            }
        }
        catch (JinjaException e)
        {
            var error = row.TryGetProperty("error", out var kind) ? kind.GetString() : null;
            var isRight = error switch
            {
                "syntax" => e.Kind == JinjaErrorKind.Syntax,
                "runtime" => e.Kind == JinjaErrorKind.Runtime,
                "raise_exception" => e.Kind == JinjaErrorKind.Raised && e.Message == row.GetProperty("message").GetString(),
                _ => false,
            };
            if (!isRight)
            {
                failures.Add($"{what}: {e.Kind} {e.Message}");
            }
        }
    }
}
