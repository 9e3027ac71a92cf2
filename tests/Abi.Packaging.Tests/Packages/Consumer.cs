namespace Abi.Packaging.Tests.Packages;

/// <summary>A program in a folder of its own that restores Abi from packed packages, or references it as projects.</summary>
internal sealed class Consumer
{
    private const string Framework = "net10.0";

    private Consumer(string folder) => Folder = folder;

    internal string Folder { get; }

    private string Output { get; set; } = "";

    internal static Consumer OfPackages(string name, PackedFeed feed, string references, string constants = "", string program = "Consumer")
    {
        var consumer = Make(name, program);
        var fallback = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

        // Nothing of the repository's build reaches in.
        File.WriteAllText(Path.Combine(consumer.Folder, "Directory.Build.props"), "<Project />");
        File.WriteAllText(Path.Combine(consumer.Folder, "Directory.Build.targets"), "<Project />");
        File.WriteAllText(Path.Combine(consumer.Folder, "Directory.Packages.props"), "<Project />");
        File.WriteAllText(Path.Combine(consumer.Folder, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <add key="abi-under-test" value="{feed.Folder}" />
              </packageSources>
            </configuration>
            """);
        File.WriteAllText(Path.Combine(consumer.Folder, "Consumer.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>{Framework}</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NuGetAudit>false</NuGetAudit>
                <DefineConstants>$(DefineConstants);{constants}</DefineConstants>
                <RestorePackagesPath>{feed.Cache}</RestorePackagesPath>
                {(Directory.Exists(fallback) ? $"<RestoreFallbackFolders>{fallback}</RestoreFallbackFolders>" : "")}
                <OutputPath>out/</OutputPath>
                <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
                <AppendRuntimeIdentifierToOutputPath>false</AppendRuntimeIdentifierToOutputPath>
              </PropertyGroup>
              <ItemGroup>
                {references}
              </ItemGroup>
            </Project>
            """);
        consumer.Output = Path.Combine(consumer.Folder, "out");
        return consumer;
    }

    /// <summary>A project inside the repository: its build files apply.</summary>
    internal static Consumer OfProjects(string name)
    {
        var consumer = Make(name, "Consumer");
        File.WriteAllText(Path.Combine(consumer.Folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <AssemblyName>Consumer</AssemblyName>
                <IsPackable>false</IsPackable>
                <GenerateDocumentationFile>false</GenerateDocumentationFile>
                <AnalysisLevel>none</AnalysisLevel>
                <BuildProjectReferences>false</BuildProjectReferences>
                <EnableDefaultCompileItems>false</EnableDefaultCompileItems>
              </PropertyGroup>
              <ItemGroup>
                <Compile Include="Program.cs" />
                <ProjectReference Include="{Path.Combine(Repository.Root, "src", "Abi.Llm", "Abi.Llm.csproj")}" />
              </ItemGroup>
            </Project>
            """);
        consumer.Output = Repository.Output(name);
        return consumer;
    }

    internal Task RestoreAsync(params string[] arguments) => DotNet.BuildAsync(Folder, ["restore", "-v:q", .. arguments]);

    internal Task<string> BuildAsync(params string[] arguments) => DotNet.BuildAsync(Folder, ["build", "--no-restore", "-v:m", "-tl:off", "-c", Repository.Configuration == "debug" ? "Debug" : "Release", .. arguments]);

    internal Task<(int Exit, string Output)> TryBuildAsync(params string[] arguments) => DotNet.RunAsync("dotnet", Folder, ["build", "--no-restore", "-v:m", "-tl:off", .. arguments]);

    internal async Task<string[]> RunAsync()
    {
        var (exit, output) = await DotNet.RunAsync("dotnet", Folder, Path.Combine(Output, "Consumer.dll"));
        Assert.That(exit, Is.Zero, output);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Whether an assembly lies beside the program; whether its name is in deps.json is the same question, asked twice.</summary>
    internal bool Has(string assembly)
    {
        var file = File.Exists(Path.Combine(Output, $"{assembly}.dll"));
        var listed = File.ReadAllText(Path.Combine(Output, "Consumer.deps.json")).Contains($"{assembly}.dll", StringComparison.OrdinalIgnoreCase);
        Assert.That(listed, Is.EqualTo(file), $"{assembly}: beside the program {file}, in deps.json {listed}");
        return file;
    }

    internal long SizeOf(string assembly) => new FileInfo(Path.Combine(Output, $"{assembly}.dll")).Length;

    private static Consumer Make(string name, string program)
    {
        var folder = Path.Combine(Repository.Artifacts, "packaging", name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(Repository.Root, "tests", "Abi.Packaging.Tests", "Packages", program, "Program.cs"), Path.Combine(folder, "Program.cs"));
        File.WriteAllText(Path.Combine(folder, ".editorconfig"), "root = true\n");
        return new Consumer(folder);
    }
}
