using System.IO.Compression;
using System.Xml.Linq;

namespace Abi.Packaging.Tests.Packages;

/// <summary>Programs that are restored from the packed packages, rebuilt with features compiled out, and run.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed class PackedConsumerTests
{
    private const string Llm = $"<PackageReference Include=\"Abi.Llm\" Version=\"{PackedFeed.Version}\" />";
    private const string Subject = $"<PackageReference Include=\"Abi.Stubs.Subject\" Version=\"{PackedFeed.Version}\" />";

    private PackedFeed _feed = null!;

    [OneTimeSetUp]
    public async Task Pack() => _feed = await PackedFeed.PackAsync("feed");

    [Test]
    public async Task EveryFeatureOffAndOnInTurn()
    {
        var consumer = Consumer.OfPackages("features", _feed, Llm);
        await consumer.RestoreAsync();
        await consumer.BuildAsync();
        var lines = await consumer.RunAsync();
        Assert.That(lines, Does.Contain("feature: Llm Off").And.Contain("options: GenerationOptions"));
        Assert.That(lines.Single(line => line.StartsWith("llm:", StringComparison.Ordinal)), Does.Contain("missing.gguf"));
        var whole = consumer.SizeOf("Abi.Llm");

        await consumer.BuildAsync("-p:AbiEnableLlm=false");
        lines = await consumer.RunAsync();
        Assert.That(lines, Does.Contain("feature: Llm CompiledOut").And.Contain("options: GenerationOptions"));
        Assert.That(lines.Single(line => line.StartsWith("llm:", StringComparison.Ordinal)), Does.Contain(nameof(FeatureDisabledException)).And.Contain("AbiEnableLlm"));
        Assert.That(consumer.SizeOf("Abi.Llm"), Is.LessThan(whole / 2));

        // Back again in the same folder.
        await consumer.BuildAsync("-p:AbiEnableLlm=true");
        Assert.That(await consumer.RunAsync(), Does.Contain("feature: Llm Off"));
    }

    [Test]
    public async Task WhatOnlyADisabledFeatureNeedsIsGone()
    {
        var consumer = Consumer.OfPackages("heavy", _feed, Llm + Subject, "SUBJECT");
        await consumer.RestoreAsync();
        await consumer.BuildAsync();
        Assert.That(await consumer.RunAsync(), Does.Contain("feature: Subject On").And.Contain("subject: 11").And.Contain("subclass: square").And.Contain("settings: 2"));
        Assert.That(consumer.Has("Mono.Cecil"), Is.True);

        await consumer.BuildAsync("-p:AbiEnableSubject=false");
        var lines = await consumer.RunAsync();
        Assert.That(lines, Does.Contain("feature: Subject CompiledOut").And.Contain("settings: 2"));
        Assert.That(lines.Single(line => line.StartsWith("subject:", StringComparison.Ordinal)), Does.Contain(nameof(FeatureDisabledException)).And.Contain("AbiEnableSubject"));
        Assert.That(lines.Single(line => line.StartsWith("subclass:", StringComparison.Ordinal)), Does.Contain(nameof(FeatureDisabledException)));
        Assert.That(consumer.Has("Mono.Cecil"), Is.False);
        Assert.That(consumer.Has("Abi.Compute"), Is.True);

        var (exit, output) = await consumer.TryBuildAsync("-p:AbiEnableLlm=false");
        Assert.That(exit, Is.Not.Zero);
        Assert.That(output, Does.Contain("error ABI1001").And.Contain("'Subject'").And.Contain("'Llm'").And.Contain("AbiEnableLlm"));

        await consumer.BuildAsync("-p:AbiEnableLlm=false", "-p:AbiEnableSubject=false");
        Assert.That(await consumer.RunAsync(), Does.Contain("feature: Subject CompiledOut").And.Contain("feature: Llm CompiledOut"));
        Assert.That(consumer.Has("Mono.Cecil"), Is.False);
    }

    [Test]
    public async Task ATrimmedProgramWorksWithOneFeatureOnAndOneOff()
    {
        var consumer = Consumer.OfPackages("trimmed", _feed, Llm + Subject, "SUBJECT");
        var runtime = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier;
        var (exit, output) = await DotNet.RunAsync("dotnet", consumer.Folder, "restore", "-v:q", "-r", runtime, "-p:PublishTrimmed=true", "-p:SelfContained=true");
        if (exit != 0 && output.Contains("Microsoft.NETCore.App", StringComparison.Ordinal))
        {
            Assert.Ignore($"the runtime pack for {runtime} cannot be restored on this machine: {output}");
        }

        Assert.That(exit, Is.Zero, output);
        await DotNet.BuildAsync(consumer.Folder, "publish", "--no-restore", "-v:q", "-tl:off", "-r", runtime, "--self-contained", "-p:PublishTrimmed=true", "-p:TrimMode=full", "-p:AbiEnableSubject=false", "-o", Path.Combine(consumer.Folder, "published"));
        var published = Path.Combine(consumer.Folder, "published");
        Assert.That(File.Exists(Path.Combine(published, "Mono.Cecil.dll")), Is.False);
        (exit, output) = await DotNet.RunAsync(Path.Combine(published, "Consumer"), published);
        Assert.That(exit, Is.Zero, output);
        var lines = output.Split('\n');
        Assert.That(lines, Does.Contain("feature: Subject CompiledOut").And.Contain("settings: 2"));
        Assert.That(lines.Single(line => line.StartsWith("llm:", StringComparison.Ordinal)), Does.Contain("missing.gguf"));
        Assert.That(lines.Single(line => line.StartsWith("subject:", StringComparison.Ordinal)), Does.Contain(nameof(FeatureDisabledException)));
    }

    [Test]
    [NonParallelizable] // restores and builds projects that are packed beside it
    public async Task AProjectOfTheRepositoryCanTurnAFeatureOff()
    {
        var consumer = Consumer.OfProjects("Abi.InRepository");
        await consumer.RestoreAsync();
        await consumer.BuildAsync("-p:AbiEnableLlm=false");
        Assert.That(await consumer.RunAsync(), Does.Contain("feature: Llm CompiledOut"));
        await consumer.BuildAsync();
        Assert.That(await consumer.RunAsync(), Does.Contain("feature: Llm Off"));
    }

    [Test]
    public async Task TheToolInstallsAndRuns()
    {
        var consumer = Consumer.OfPackages("tool", _feed, "");
        await DotNet.BuildAsync(consumer.Folder, "tool", "install", "Abi.Cli", "--version", PackedFeed.Version, "--tool-path", "tool");
        var (exit, output) = await DotNet.RunAsync(Path.Combine(consumer.Folder, "tool", OperatingSystem.IsWindows() ? "abi.exe" : "abi"), consumer.Folder);
        Assert.That(exit, Is.EqualTo(2), "without a command it says how it is used");
        Assert.That(output, Does.Contain("abi"));

        // the model that comes with it is in the package too
        (exit, output) = await DotNet.RunAsync(Path.Combine(consumer.Folder, "tool", OperatingSystem.IsWindows() ? "abi.exe" : "abi"), consumer.Folder, "generate", "stories", "-p", "Once upon a time", "-n", "4", "--temp", "0");
        Assert.That((exit, output), Is.EqualTo((0, ", there was a\n")));
    }

    [Test]
    public async Task PackingTwiceGivesTheSameBytes()
    {
        var again = await PackedFeed.PackAsync("feed-again", isRestoredFrom: false);
        foreach (var file in Directory.GetFiles(_feed.Folder))
        {
            Assert.That(File.ReadAllBytes(Path.Combine(again.Folder, Path.GetFileName(file))), Is.EqualTo(File.ReadAllBytes(file)), Path.GetFileName(file));
        }
    }

    [Test]
    public void EveryPackageHasWhatAPackageNeeds()
    {
        foreach (var package in PackedFeed.Packages)
        {
            using var archive = ZipFile.OpenRead(Path.Combine(_feed.Folder, $"{package}.{PackedFeed.Version}.nupkg"));
            using var nuspec = archive.GetEntry($"{package}.nuspec")!.Open();
            var metadata = XDocument.Load(nuspec).Root!.Elements().Single();
            string? Text(string name) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;
            Assert.That(Text("readme"), Is.EqualTo("README.md"), package);
            Assert.That(archive.GetEntry("README.md"), Is.Not.Null, package);
            Assert.That(archive.Entries.Where(static entry => entry.FullName.StartsWith("runtimes/", StringComparison.Ordinal) || Path.GetExtension(entry.Name) is ".so" or ".dylib"), Is.Empty, $"{package}: nothing native");
            Assert.That(new FileInfo(Path.Combine(_feed.Folder, $"{package}.{PackedFeed.Version}.nupkg")).Length, Is.LessThan(package is "Abi.Cli" or "Abi.Models.Stories" ? 16 << 20 : 2 << 20), $"{package}: bytes");
            Assert.That(Text("license"), Is.EqualTo("MIT"), package);
            Assert.That(Text("description"), Is.Not.Empty, package);
            Assert.That(metadata.Elements().Any(element => element.Name.LocalName == "repository"), package);
            Assert.That(File.Exists(Path.Combine(_feed.Folder, $"{package}.{PackedFeed.Version}.snupkg")), package);
            foreach (var sibling in metadata.Descendants().Where(element => element.Name.LocalName == "dependency" && ((string)element.Attribute("id")!).StartsWith("Abi.", StringComparison.Ordinal)))
            {
                Assert.That((string)sibling.Attribute("version")!, Is.EqualTo($"[{PackedFeed.Version}]"), package);
            }
        }
    }
}
