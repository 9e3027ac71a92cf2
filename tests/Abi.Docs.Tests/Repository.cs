using System.Reflection;

namespace Abi.Docs.Tests;

internal static class Repository
{
    internal static string Root { get; } = Path.GetFullPath(typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "RepositoryRoot").Value!);
}
