using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

public sealed class ChatJsonTests
{
    public static IEnumerable<TestCaseData> Results()
    {
        yield return new TestCaseData(null, "");
        yield return new TestCaseData("plain \"text\"", "plain \"text\"");
        yield return new TestCaseData(3, "3");
        yield return new TestCaseData(2.5, "2.5");
        yield return new TestCaseData(double.NaN, "NaN");
        yield return new TestCaseData(float.NegativeInfinity, "-Infinity");
        yield return new TestCaseData(new[] { 1.5, double.PositiveInfinity }, "[1.5, \"Infinity\"]");
        yield return new TestCaseData(new { X = 1.5, Y = float.NaN }, "{\"x\": 1.5, \"y\": \"NaN\"}");
        yield return new TestCaseData(true, "true");
        yield return new TestCaseData(DayOfWeek.Friday, "Friday");
        yield return new TestCaseData(new Guid("00000000-0000-0000-0000-000000000001"), "00000000-0000-0000-0000-000000000001");
        yield return new TestCaseData(JsonDocument.Parse("\"text\"").RootElement, "text");
        yield return new TestCaseData(JsonDocument.Parse("""{"a":[1,null,"Łódź <b>"]}""").RootElement, """{"a": [1, null, "Łódź <b>"]}""");
        yield return new TestCaseData(JsonDocument.Parse("""{"a":{"b":1,"b":2},"a":[{"c":3,"c":4}]}""").RootElement, """{"a": [{"c": 4}]}""");
        yield return new TestCaseData(JsonDocument.Parse("""["\ud83d\ude00 \ud83d", {"\ude00": 1}]""").RootElement, "[\"😀 \uFFFD\", {\"\uFFFD\": 1}]");
        yield return new TestCaseData(JsonDocument.Parse("\"cut \\ud83d\"").RootElement, "cut \uFFFD").SetName("{m}(half of a pair)");
        yield return new TestCaseData(JsonNode.Parse("[1,2]"), "[1, 2]");
        yield return new TestCaseData(new Dictionary<string, string> { ["k"] = "v" }, """{"k": "v"}""");
        yield return new TestCaseData(new Dictionary<string, object?> { ["k"] = new[] { 1, 2 } }, """{"k": [1, 2]}""");
        yield return new TestCaseData(new List<int> { 1, 2 }, "[1, 2]");
        yield return new TestCaseData(new TextContent("text"), "text");
        yield return new TestCaseData(new List<AIContent> { new TextContent("a"), new TextContent("b") }, "ab");
    }

    [TestCaseSource(nameof(Results))]
    public void ResultsOfToolsAreTextOrJson(object? result, string expected) => Assert.That(ChatJson.Text(result), Is.EqualTo(expected));

    [Test]
    public void DepthIsBoundedAndWhatIsNoTextIsRefused()
    {
        object nested = 1;
        for (var i = 0; i < 1000; i++)
        {
            nested = new List<object> { nested };
        }

        Assert.That(() => ChatJson.Node(nested), Throws.TypeOf<ChatTemplateException>());
        Assert.That(() => ChatJson.Text(typeof(string)), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("RuntimeType"));
        Assert.That(() => ChatJson.Text(new DataContent(new byte[] { 1 }, "image/png")), Throws.TypeOf<ChatOptionException>().With.Message.Contains(nameof(DataContent)));
        Assert.That(() => ChatJson.Text(new List<AIContent> { new DataContent(new byte[] { 1 }, "image/png") }), Throws.TypeOf<ChatOptionException>());
    }
}
