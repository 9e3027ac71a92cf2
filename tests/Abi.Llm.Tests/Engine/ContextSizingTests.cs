using Abi.Llm.Engine;

namespace Abi.Llm.Tests.Engine;

public sealed class ContextSizingTests
{
    private const long Gigabyte = 1L << 30;

    [TestCase(null, 512, 1000, 0.1, 16, ExpectedResult = 512, Description = "the trained length")]
    [TestCase(null, 131072, 1000, 1, 16, ExpectedResult = 8192, Description = "at most 8192 unless asked")]
    [TestCase(131072, 131072, 1000, 1, 16, ExpectedResult = 131072, Description = "what was asked")]
    [TestCase(null, 8192, 1 << 20, 8, 16, ExpectedResult = 2048, Description = "a quarter of what the weights leave")]
    [TestCase(null, 8192, 1 << 20, 20, 16, ExpectedResult = 512, Description = "never less than 512")]
    [TestCase(null, 0, 0, 1, 16, ExpectedResult = 8192, Description = "a model that names no length")]
    public int ContextLengthFollowsTheRule(int? asked, int trained, long bytesPerToken, double weights, double memory) =>
        ContextSizing.ContextLength(asked, trained, bytesPerToken, (long)(weights * Gigabyte), (long)(memory * Gigabyte));

    [Test]
    public void CacheHoldsAtLeastAContextAndFourWhenTheyAreSmall()
    {
        Assert.That(ContextSizing.CacheTokens(null, 512, 10_000), Is.EqualTo(2048));
        Assert.That(ContextSizing.CacheTokens(null, 8192, 1 << 20), Is.EqualTo(8192 + 64));
        Assert.That(ContextSizing.CacheTokens(100, 512, 10_000), Is.EqualTo(512 + 64));
        Assert.That(ContextSizing.CacheTokens(10_000, 512, 10_000), Is.EqualTo(10_000));
    }
}
