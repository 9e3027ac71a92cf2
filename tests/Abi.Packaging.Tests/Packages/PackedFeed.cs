namespace Abi.Packaging.Tests.Packages;

/// <summary>A folder of every package of the repository, packed from what was built, and of the assembly of hard cases as a feature package.</summary>
internal sealed class PackedFeed
{
    /// <summary>A version of its own, so that no package from elsewhere can be taken for it.</summary>
    internal const string Version = "0.1.0-packaging";

    internal static readonly string[] Packages = ["Abi.Cli", "Abi.Compute", "Abi.Core", "Abi.Database", "Abi.Database.Postgres", "Abi.Database.VectorData", "Abi.Llm", "Abi.Models.Stories"];

    private PackedFeed(string folder, string cache) => (Folder, Cache) = (folder, cache);

    internal string Folder { get; }

    /// <summary>Where consumers restore to; packages of others stay there between runs.</summary>
    internal string Cache { get; }

    /// <param name="name">Of the folder.</param>
    /// <param name="isRestoredFrom">Whether consumers restore from it: then nothing may be left of packages that they restored before.</param>
    internal static async Task<PackedFeed> PackAsync(string name, bool isRestoredFrom = true)
    {
        var folder = Path.Combine(Repository.Artifacts, "packaging", name);
        var cache = Path.Combine(Repository.Artifacts, "packaging", "packages");
        Directory.CreateDirectory(cache);
        var restored = isRestoredFrom ? Directory.GetDirectories(cache, "abi.*") : [];
        foreach (var old in restored.Append(folder).Where(Directory.Exists))
        {
            Directory.Delete(old, recursive: true);
        }

        Directory.CreateDirectory(folder);
        var configuration = Repository.Configuration == "debug" ? "Debug" : "Release";
        string[] arguments = ["--no-build", "-c", configuration, "-o", folder, $"-p:PackageVersion={Version}", "-v:q", "-tl:off"];
        await DotNet.BuildAsync(Repository.Root, ["pack", "Abi.sln", .. arguments]);
        await DotNet.BuildAsync(Repository.Root, ["pack", Path.Combine("tests", "Abi.Stubs.Subject"), "-p:IsPackable=true", .. arguments]);
        return new PackedFeed(folder, cache);
    }
}
