using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

/// <summary>Adapters on the command line: applied, scaled, and merged.</summary>
public sealed class LoraTests
{
    private static string Model => Fixtures.Path("stories-model", "stories-f16.gguf");

    private static string Adapter => Fixtures.Path("stories-model", "lora", "stories-lora.gguf");

    [Test]
    public async Task AMergedModelSaysWhatTheAppliedAdapterSays()
    {
        using var folder = new TemporaryFolder();
        var merged = folder["merged.gguf"];
        var run = await CliRun.SucceedAsync("lora", Model, merged, "--lora", Adapter, "--type", "f32", "--json");
        Assert.That(run.Json.GetProperty("changed").GetArrayLength(), Is.GreaterThan(6));
        string[] prompt = ["-p", "First Citizen:", "-n", "24", "--temp", "0"];
        var applied = await GenerateAsync(["generate", Model, "--lora", Adapter, .. prompt]);
        Assert.That((await GenerateAsync(["generate", merged, .. prompt])).Output, Is.EqualTo(applied.Output));
        var plain = await GenerateAsync(["generate", Model, .. prompt]);
        Assert.That(plain.Output, Is.Not.EqualTo(applied.Output));
        Assert.That((await GenerateAsync(["generate", Model, "--lora", Adapter + "=0", .. prompt])).Output, Is.EqualTo(plain.Output));
    }

    private static Task<CliRun> GenerateAsync(string[] arguments) => CliRun.SucceedAsync(arguments);

    [Test]
    public async Task WhatCannotBeAppliedIsNamed()
    {
        using var folder = new TemporaryFolder();
        await CliRun.FailAsync(2, "lora", Model, folder["out.gguf"]);
        await CliRun.FailAsync(2, "generate", Model, "-p", "x", "--lora", Adapter + "=much");
        var run = await CliRun.FailAsync(1, "lora", Model, folder["out.gguf"], "--lora", Model);
        Assert.That(run.Error, Does.Contain("general.type"));
        Assert.That(File.Exists(folder["out.gguf"]), Is.False);
    }
}
