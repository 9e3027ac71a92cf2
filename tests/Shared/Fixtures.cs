namespace Abi.Testing;

/// <summary>Finds the reference data: <c>ABI_FIXTURES</c>, or <c>shared/fixtures</c> in a folder above the tests.</summary>
internal static class Fixtures
{
    private static readonly string? Root = FindRoot();

    /// <summary>The path of a file or folder of the reference data; ignores the running test when the data is absent.</summary>
    public static string Path(params string[] parts)
    {
        if (Root is null)
        {
            Assert.Ignore("The reference fixtures are absent: set ABI_FIXTURES to their folder.");
        }

        return System.IO.Path.Combine([Root!, .. parts]);
    }

    /// <summary>The path, or null when the data is absent: for test case sources, which run before any test can be ignored.</summary>
    public static string? TryPath(params string[] parts) => Root is null ? null : System.IO.Path.Combine([Root, .. parts]);

    private static string? FindRoot()
    {
        if (Environment.GetEnvironmentVariable("ABI_FIXTURES") is { Length: > 0 } configured)
        {
            return configured;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = System.IO.Path.Combine(folder.FullName, "shared", "fixtures");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
