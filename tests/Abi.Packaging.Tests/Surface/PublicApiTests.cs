namespace Abi.Packaging.Tests.Surface;

/// <summary>
/// The public surface of every assembly is written down beside this file. A change of it shows as a change of a text file: run the tests once with
/// <c>ABI_WRITE_PUBLIC_API=1</c>, look at the difference, and commit it.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "Abi.Packaging.Tests", "Surface", "PublicApi");

    [TestCase("Abi.Core")]
    [TestCase("Abi.Compute")]
    [TestCase("Abi.Llm")]
    [TestCase("Abi.Database")]
    [TestCase("Abi.Database.Postgres")]
    [TestCase("Abi.Database.VectorData")]
    public void IsAsWrittenDown(string assembly)
    {
        var file = Path.Combine(Folder, $"{assembly}.txt");
        var surface = PublicSurface.Of(Path.Combine(Repository.Output(assembly), $"{assembly}.dll"));
        if (Environment.GetEnvironmentVariable("ABI_WRITE_PUBLIC_API") == "1")
        {
            Directory.CreateDirectory(Folder);
            File.WriteAllText(file, string.Join('\n', surface) + "\n");
        }

        var written = File.Exists(file) ? File.ReadAllLines(file) : [];
        var added = surface.Except(written).ToList();
        var removed = written.Except(surface).ToList();
        Assert.That(surface, Is.EqualTo(written), $"""
            The public surface of {assembly} changed. If that is meant, run
                ABI_WRITE_PUBLIC_API=1 dotnet test tests/Abi.Packaging.Tests -c Release --filter PublicApiTests
            and commit {Path.GetRelativePath(Repository.Root, file)}.
            Added:
            {string.Join('\n', added)}
            Removed:
            {string.Join('\n', removed)}
            """);
    }
}
