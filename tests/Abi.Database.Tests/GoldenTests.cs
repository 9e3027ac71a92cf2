using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests;

/// <summary>Promise 8: databases that earlier versions wrote open for ever.</summary>
public sealed class GoldenTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Golden");

    public static IEnumerable<string> Versions() => Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder));

    [TestCaseSource(nameof(Versions))]
    public async Task OpensWithItsState(string version)
    {
        var files = Directory.GetFiles(Path.Combine(Folder, version)).Where(file => Path.GetExtension(file) != ".txt").ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);
        using var database = new VectorDatabase(new Database.Engine.DatabaseEngine(MemoryStorage.Of(files), History.Options()));
        Assert.That(database.Recovery.CutReason, Is.Null);
        Assert.That(database.Recovery.Warnings, Is.Empty);
        Assert.That(await History.StateOfAsync(database), Is.EqualTo((await File.ReadAllTextAsync(Path.Combine(Folder, version, "state.txt"))).TrimEnd('\n')));
    }

    [Test]
    [Explicit("writes the files of a version to be released; ABI_GOLDEN names the folder")]
    public async Task Write()
    {
        var history = await History.RunAsync(20, seed: 8, checkpointsAfter: [12]);
        var folder = Directory.CreateDirectory(Environment.GetEnvironmentVariable("ABI_GOLDEN")!).FullName;
        foreach (var (name, bytes) in history.Storage.Files())
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, name), bytes);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "state.txt"), history.States[^1] + "\n");
    }
}
