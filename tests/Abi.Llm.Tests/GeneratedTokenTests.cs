using System.Text.Json;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests;

public sealed class GeneratedTokenTests
{
    /// <summary>Web programs hand pieces and results on as they are; JSON has no numbers for what is not known or not possible.</summary>
    [Test]
    public void TokensWithoutLogProbabilitiesAreJsonToo()
    {
        GeneratedToken[] tokens = [new(7, float.NaN, [new TokenLogProbability(8, float.NegativeInfinity)])];
        var json = JsonSerializer.Serialize(tokens);
        Assert.That(json, Is.EqualTo("""[{"Id":7,"LogProbability":"NaN","Top":[{"Id":8,"LogProbability":"-Infinity"}]}]"""));
        Assert.That(JsonSerializer.Deserialize<GeneratedToken[]>(json)![0].Top, Is.EqualTo(tokens[0].Top));
    }
}
