using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Sampling;

public sealed class SamplerNamesTests
{
    [Test]
    public void EverySamplerIsFoundByItsName([Values] SamplerKind kind) => Assert.That(SamplerNames.Find(SamplerNames.Of(kind)), Is.EqualTo(kind));

    [TestCase("top-k", SamplerKind.TopK)]
    [TestCase("Nucleus", SamplerKind.TopP)]
    [TestCase("typical", SamplerKind.Typical)]
    [TestCase("typical_p", SamplerKind.Typical)]
    [TestCase("temp", SamplerKind.Temperature)]
    [TestCase("greedy", null)]
    [TestCase("", null)]
    public void OtherNamesAreKnown(string name, SamplerKind? kind) => Assert.That(SamplerNames.Find(name), Is.EqualTo(kind));
}
