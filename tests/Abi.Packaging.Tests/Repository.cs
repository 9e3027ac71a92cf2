using System.Reflection;

namespace Abi.Packaging.Tests;

/// <summary>Where the repository and what was built of it are.</summary>
internal static class Repository
{
    internal static string Root { get; } = Path.GetFullPath(Metadata("RepositoryRoot"));

    internal static string Configuration { get; } = Metadata("Configuration").ToLowerInvariant();

    internal static string Artifacts { get; } = Metadata("ArtifactsPath");

    internal static string Output(string project) => Path.Combine(Artifacts, "bin", project, Configuration);

    internal static string Intermediate(string project) => Path.Combine(Artifacts, "obj", project, Configuration);

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
