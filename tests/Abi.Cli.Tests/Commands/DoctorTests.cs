namespace Abi.Cli.Tests.Commands;

public sealed class DoctorTests
{
    [Test]
    public async Task TheMachineIsFoundSound()
    {
        var json = (await CliRun.SucceedAsync("doctor", "--json")).Json;
        Assert.That(json.GetProperty("ok").GetBoolean(), Is.True);
        var checks = json.GetProperty("checks").EnumerateArray().ToLookup(check => check.GetProperty("name").GetString()!);
        Assert.That(checks.Select(group => group.Key), Is.SupersetOf(new[] { "version", "processor", "vectors", "memory", "feature", "device", "model", "generation" }));
        Assert.That(checks["generation"].Single().GetProperty("text").GetString(), Does.Contain("Once upon a time"));
        Assert.That(checks["feature"].Select(check => check.GetProperty("text").GetString()), Has.Some.EqualTo("Llm: built in"));
        Assert.That((await CliRun.SucceedAsync("doctor")).Lines, Has.Length.EqualTo(json.GetProperty("checks").GetArrayLength()));
    }
}
