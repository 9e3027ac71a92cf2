using System.Runtime.InteropServices;

namespace Abi.Packaging.Tests.Packages;

/// <summary>A program that is compiled ahead of time, of the packed packages: no warning of the compiler, and the same lines as when it is compiled as it runs.</summary>
[NonParallelizable]
public sealed class NativeProgramTests
{
    private static readonly string[] Assemblies = ["Abi.Core", "Abi.Compute", "Abi.Database", "Abi.Llm"];

    [Test]
    [Explicit("Compiles for some minutes.")]
    public async Task SaysWhatTheSameProgramSaysThatIsCompiledAsItRuns()
    {
        var feed = await PackedFeed.PackAsync("feed");
        string[] packages = ["Abi.Llm", "Abi.Database", "Abi.Models.Stories"];

        // Whole assemblies are roots, so that the compiler looks at every method and not only at those that the program calls.
        var references = string.Concat(packages.Select(package => $"""<PackageReference Include="{package}" Version="{PackedFeed.Version}" />""").Concat(Assemblies.Select(assembly => $"""<TrimmerRootAssembly Include="{assembly}" />""")));
        var consumer = Consumer.OfPackages("native", feed, references, program: "Native");
        var runtime = RuntimeInformation.RuntimeIdentifier;
        var (exit, output) = await DotNet.RunAsync("dotnet", consumer.Folder, "restore", "-v:q", "-r", runtime, "-p:PublishAot=true");
        if (exit != 0 && output.Contains("ILCompiler", StringComparison.OrdinalIgnoreCase))
        {
            Assert.Ignore($"the compiler for {runtime} cannot be restored on this machine: {output}");
        }

        Assert.That(exit, Is.Zero, output);
        var published = Path.Combine(consumer.Folder, "published");
        (exit, output) = await DotNet.RunAsync("dotnet", consumer.Folder, "publish", "--no-restore", "-v:m", "-tl:off", "-r", runtime, "-p:PublishAot=true", "-o", published);
        if (exit != 0 && output.Contains("Platform linker", StringComparison.Ordinal))
        {
            Assert.Ignore($"there is no linker on this machine: {output}");
        }

        Assert.That(exit, Is.Zero, output);
        var lines = await RunAsync(Path.Combine(published, "Consumer"));
        Assert.That(lines, Has.Length.EqualTo(8));
        Assert.That(lines[2], Does.StartWith("chat: "));
        Assert.That(lines[5], Is.EqualTo("found: a 0.981 The dog ran in the park."));

        await consumer.RestoreAsync();
        await consumer.BuildAsync();
        Assert.That(await RunAsync("dotnet", Path.Combine(consumer.Folder, "out", "Consumer.dll")), Is.EqualTo(lines));

        async Task<string[]> RunAsync(string program, params string[] arguments)
        {
            var folder = Directory.CreateTempSubdirectory("abi-native-").FullName;
            try
            {
                (exit, output) = await DotNet.RunAsync(program, consumer.Folder, [.. arguments, Path.Combine(folder, "notes.abi")]);
                Assert.That(exit, Is.Zero, output);
                return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
