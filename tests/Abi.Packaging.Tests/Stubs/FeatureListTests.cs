using System.Xml.Linq;

namespace Abi.Packaging.Tests.Stubs;

/// <summary>The lists of features in the build, in Abi.Core and in these tests are one list.</summary>
public sealed class FeatureListTests
{
    private static readonly XElement[] Features =
        [.. XDocument.Load(Path.Combine(Repository.Root, "eng", "Features.props")).Descendants().Where(element => element.Name.LocalName == "AbiFeature")];

    [Test]
    public async Task TheBuildAndTheProgramKnowTheSameFeatures()
    {
        await using var abi = await AbiBuilder.Create().BuildAsync();
        Assert.That(abi.Features.Select(feature => feature.Name), Is.EquivalentTo(Features.Select(Name)));
        Assert.That(StubSubject.All.Select(subject => subject.Feature), Is.SupersetOf(Features.Select(Name)));
    }

    [Test]
    public void EachLineSaysWhatTheStubSays()
    {
        var core = File.ReadAllText(Path.Combine(Repository.Output("Abi.Core"), "Abi.Core.deps.json"));
        foreach (var feature in Features)
        {
            var assembly = (string)feature.Attribute("Assembly")!;
            var keeps = File.ReadAllLines(Path.Combine(Repository.Intermediate(assembly), "stub", $"{assembly}.keeps"));
            var listed = ((string)feature.Attribute("Keeps")!).Split(';');

            // What Abi.Core brings need not be listed: Abi.Core is kept with all that it needs.
            Assert.That(listed, Is.EquivalentTo(keeps.Where(kept => kept == "Abi.Core" || !core.Contains($"\"{kept}/", StringComparison.Ordinal) || listed.Contains(kept))), Name(feature));
            Assert.That((string)feature.Attribute("Enabled")!, Is.EqualTo($"$(AbiEnable{Name(feature)})"));
        }
    }

    private static string Name(XElement feature) => (string)feature.Attribute("Include")!;
}
