using System.Text;

namespace Abi.Llm.Tests;

public sealed class ServerSentEventWriterTests
{
    [Test]
    public async Task LinesTypesAndIdsAreWrittenAsTheFormatSays()
    {
        using var stream = new MemoryStream();
        var writer = new ServerSentEventWriter(stream);
        await writer.WriteAsync("one\ntwo\r\nthree\rfour", "note", "7");
        await writer.WriteAsync("");
        Assert.That(Encoding.UTF8.GetString(stream.ToArray()), Is.EqualTo("event: note\nid: 7\ndata: one\ndata: two\ndata: three\ndata: four\n\ndata: \n\n"));
        Assert.That(async () => await writer.WriteAsync("x", "a\nb"), Throws.ArgumentException);
    }

    [Test]
    public async Task AGenerationIsJsonEventsAndAnEnd()
    {
        using var stream = new MemoryStream();
        await new ServerSentEventWriter(stream).WriteGenerationAsync(Pieces());
        var text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.That(text, Does.StartWith("data: {\"text\":\" a\\n\",\"ids\":[5]}\n\n"));
        Assert.That(text, Does.Contain("\"finish_reason\":\"stop\",\"seed\":9,\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}"));
        Assert.That(text, Does.EndWith("data: [DONE]\n\n"));
    }

    private static async IAsyncEnumerable<GeneratedPiece> Pieces()
    {
        await Task.Yield();
        yield return new GeneratedPiece { Text = " a\n", Tokens = [new GeneratedToken(5, float.NaN, [])] };
        yield return new GeneratedPiece
        {
            Outcome = new GenerationOutcome
            {
                FinishReason = FinishReason.StopToken, Seed = 9, Usage = new GenerationUsage(2, 0, 3),
                Timings = new GenerationTimings(default, default, default, 2, 3),
            },
        };
    }
}
