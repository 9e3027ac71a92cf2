using System.Collections;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Abi.Core.Tests.Configuration;

public sealed class OptionsTests
{
    [Test]
    public async Task LaterSourcesWin()
    {
        (string, string)[] file = [("Abi:Alpha:ContextLength", "1"), ("Abi:Alpha:Model", "file"), ("Abi:Alpha:Sampling:TopK", "11"), ("Abi:Beta:Model", "other")];
        (string, string)[] variables = [("ABI_ALPHA_MODEL", "variable"), ("ABI_ALPHA_SAMPLING__TOP_K", "22"), ("ABI_BETA_CONTEXT_LENGTH", "7")];
        await using var abi = await Builder(file, variables).AddAlpha(alpha => alpha.Sampling.TopK = 33).BuildAsync();
        var options = abi.Alpha.Options;
        Assert.Multiple(() =>
        {
            Assert.That(options.Day, Is.EqualTo(DayOfWeek.Monday), "code default");
            Assert.That(options.ContextLength, Is.EqualTo(1), "configuration over default");
            Assert.That(options.Model, Is.EqualTo("variable"), "variable over configuration");
            Assert.That(options.Sampling.TopK, Is.EqualTo(33), "code over variable");
        });
    }

    [Test]
    public async Task CodeIsAppliedInTheOrderOfTheCalls()
    {
        await using var abi = await AbiBuilder.Create().AddAlpha(alpha => alpha.ContextLength = 1).AddAlpha(alpha => alpha.ContextLength++).BuildAsync();
        Assert.That(abi.Alpha.Options.ContextLength, Is.EqualTo(2));
        Assert.That(abi.Services.GetRequiredService<IOptions<AlphaOptions>>().Value, Is.SameAs(abi.Alpha.Options));
    }

    [TestCase("ABI_ALPHA_CONTEXT_LENGTH")]
    [TestCase("ABI_ALPHA_CONTEXTLENGTH")]
    [TestCase("abi_alpha_context_length")]
    [TestCase("ABI_ALPHA__CONTEXTLENGTH")]
    public async Task VariablesMayBeSpeltReadably(string variable)
    {
        await using var abi = await Builder([], [(variable, "5")]).AddAlpha().BuildAsync();
        Assert.That(abi.Alpha.Options.ContextLength, Is.EqualTo(5));
    }

    /// <summary>Kubernetes tells every program where services are, in variables with their names: here alpha's options are meant by none.</summary>
    [Test]
    public void VariablesOfAServiceWithAFeaturesNameAreNoOptions()
    {
        var ofServices = new Hashtable
        {
            ["ABI_ALPHA_SERVICE_HOST"] = "10.0.0.1", ["ABI_ALPHA_SERVICE_PORT"] = "8080", ["ABI_ALPHA_SERVICE_PORT_HTTP"] = "8080", ["ABI_ALPHA_PORT"] = "tcp://10.0.0.1:8080",
            ["ABI_ALPHA_PORT_8080_TCP"] = "tcp://10.0.0.1:8080", ["ABI_ALPHA_PORT_8080_TCP_PROTO"] = "tcp", ["ABI_ALPHA_PORT_8080_TCP_PORT"] = "8080", ["ABI_ALPHA_PORT_8080_TCP_ADDR"] = "10.0.0.1",
            ["ABI_ALPHA_BLUE_SERVICE_HOST"] = "10.0.0.1", ["ABI_ALPHA_BLUE_PORT"] = "udp://10.0.0.1:53", ["ABI_ALPHA_BLUE_PORT_53_UDP"] = "udp://10.0.0.1:53",
        };
        Assert.That(EnvironmentOptionSource.Read(ofServices, "Alpha"), Is.Empty);

        // a feature may have a port of its own
        var options = new Hashtable { ["ABI_ALPHA_SUPPORT"] = "1", ["ABI_ALPHA_PORTS"] = "2", ["ABI_ALPHA_PORT"] = "8080" };
        Assert.That(EnvironmentOptionSource.Read(options, "Alpha").Select(found => found.Key), Is.EqualTo(new[] { "PORT", "PORTS", "SUPPORT" }));
    }

    [Test]
    public void AWrongValueNamesItsKey()
    {
        var error = Assert.ThrowsAsync<AbiOptionsException>(async () => await Builder([("Abi:Alpha:ContextLength", "0"), ("Abi:Alpha:Model", "")], []).AddAlpha(alpha => alpha.Sampling.TopP = float.NaN).BuildAsync());
        Assert.That(error!.Feature, Is.EqualTo("Alpha"));
        Assert.That(error.Keys, Is.EqualTo(new[] { "Abi:Alpha:ContextLength", "Abi:Alpha:Model", "Abi:Alpha:Sampling:TopP" }));
        Assert.That(error.Message, Does.Contain("Abi:Alpha:ContextLength is 0, but a number from 1 to 1000000 was expected."));
        Assert.That(error.Message, Does.Contain("Abi:Alpha:Sampling:TopP is NaN"));
    }

    [Test]
    public void AWrongValueOfAVariableNamesTheVariable()
    {
        var error = Assert.ThrowsAsync<AbiOptionsException>(async () => await Builder([], [("ABI_ALPHA_CONTEXT_LENGTH", "-3")]).AddAlpha().BuildAsync());
        Assert.That(error!.Message, Does.Contain("Abi:Alpha:ContextLength is -3 (set by the variable ABI_ALPHA_CONTEXT_LENGTH)"));
    }

    [TestCase("Abi:Alpha:ContextLength", "many", null)]
    [TestCase("Abi:Alpha:Day", "Someday", null)]
    [TestCase("Abi:Alpha:Sampling:TopK", "9999999999", null)]
    [TestCase("Abi:Alpha:ContextLength", "many", "ABI_ALPHA_CONTEXT_LENGTH")]
    public void AValueThatCannotBeReadNamesItsKey(string key, string value, string? variable)
    {
        var builder = variable is null ? Builder([(key, value)], []) : Builder([], [(variable, value)]);
        var error = Assert.ThrowsAsync<AbiOptionsException>(async () => await builder.AddAlpha().BuildAsync());
        Assert.That(error!.Message, Does.Contain(key));
        Assert.That(error.Message, variable is null ? Does.Not.Contain("ABI_") : Does.Contain(variable));
    }

    [Test]
    public void AnUnknownKeyIsAnError()
    {
        var error = Assert.ThrowsAsync<AbiOptionsException>(async () => await Builder([("Abi:Alpha:ContextLenght", "5")], []).AddAlpha().BuildAsync());
        Assert.That(error!.Message, Does.Contain("ContextLenght"));
    }

    [Test]
    public async Task WithoutConfigurationTheContainersIsUsed()
    {
        var services = new ServiceCollection();
        services.AddSingleton(Configuration([("Abi:Alpha:ContextLength", "6")]));
        services.AddAbi(abi => abi.AddAlpha());
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<Alpha>().Options.ContextLength, Is.EqualTo(6));
    }

    [TestCase("Abi:Alpha:Enabled", "false", "Abi:Alpha:Enabled")]
    [TestCase("ABI_ALPHA_ENABLED", "False", "ABI_ALPHA_ENABLED")]
    public async Task EnabledFalseTurnsAFeatureOff(string key, string value, string named)
    {
        var builder = key.StartsWith("ABI_", StringComparison.Ordinal) ? Builder([("Abi:Alpha:Enabled", "true")], [(key, value)]) : Builder([(key, value)], []);
        builder.AddAlpha();
        await using var abi = await builder.BuildAsync();
        Assert.That(builder.Journal(), Is.Empty);
        var info = abi.Features.Single(feature => feature.Name == "Alpha");
        Assert.That(info.Status, Is.EqualTo(FeatureStatus.Off));
        Assert.That(info.Reason, Does.Contain(named));
        Assert.That(() => abi.Alpha, Throws.TypeOf<FeatureDisabledException>().With.Message.Contains("'Alpha'").And.Message.Contains(named).And.Property("Status").EqualTo(FeatureStatus.Off));
        Assert.That(() => abi.Services.GetRequiredService<Alpha>(), Throws.TypeOf<FeatureDisabledException>());
    }

    [Test]
    public void EnabledMustBeTrueOrFalse() =>
        Assert.That(async () => await Builder([("Abi:Alpha:Enabled", "maybe")], []).AddAlpha().BuildAsync(), Throws.TypeOf<AbiOptionsException>().With.Message.Contains("Abi:Alpha:Enabled is 'maybe'"));

    [Test]
    public void VariablesOfTheProcessAreRead()
    {
        Environment.SetEnvironmentVariable("ABI_GAMMA_CONTEXT_LENGTH", "12345");
        try
        {
            var found = EnvironmentOptionSource.Read(Environment.GetEnvironmentVariables(), "Gamma").Single();
            Assert.That(found, Is.EqualTo(("CONTEXTLENGTH", "ABI_GAMMA_CONTEXT_LENGTH", "12345")));
        }
        finally
        {
            Environment.SetEnvironmentVariable("ABI_GAMMA_CONTEXT_LENGTH", null);
        }
    }

    [Test]
    public void OtherVariablesAreNotTaken()
    {
        var variables = new Hashtable { ["ABI_FIXTURES"] = "a", ["ABI_ALPHABET_SIZE"] = "b", ["ABI_ALPHA"] = "c", ["ABI_ALPHA_"] = "d", ["XABI_ALPHA_MODEL"] = "e", ["ABI_ALPHA___"] = "f" };
        Assert.That(EnvironmentOptionSource.Read(variables, "Alpha"), Is.Empty);
    }

    private static AbiBuilder Builder((string Key, string Value)[] file, (string Name, string Value)[] variables)
    {
        var builder = AbiBuilder.Create();
        builder.Services.AddSingleton(new AbiConfiguration(Configuration(file), new Hashtable(variables.ToDictionary(pair => pair.Name, pair => pair.Value))));
        return builder;
    }

    private static IConfiguration Configuration((string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(pair => pair.Key, pair => (string?)pair.Value)).Build();
}
