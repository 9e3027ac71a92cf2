using Abi.Database.Storage;

namespace Abi.Database.Tests.Storage;

/// <summary>No power cut takes a folder away once a database is in it.</summary>
public sealed class DurableFolderTests
{
    /// <summary>A process that is killed on the way leaves at most one name that is not durable, and the next one begins there.</summary>
    [Test]
    public void EveryNameIsDurableBeforeAnotherIsMadeBelow()
    {
        using var folder = new TemporaryFolder();
        List<string> flushed = [];
        DurableFolder.Make(folder["a/b/c"], path =>
        {
            flushed.Add(Path.GetRelativePath(folder["."], path));
            Assert.That(Directory.Exists(folder["a"]), Is.EqualTo(flushed.Count > 1));
            Assert.That(Directory.Exists(folder["a/b"]), Is.EqualTo(flushed.Count > 2));
            Assert.That(Directory.Exists(folder["a/b/c"]), Is.EqualTo(flushed.Count > 3));
        });
        Assert.That(flushed, Is.EqualTo((string[])["..", ".", "a", Path.Combine("a", "b")]));
    }

    [Test]
    public void TheNameOfAFolderThatIsThereIsMadeDurable()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a/b"]);
        List<string> flushed = [];
        DurableFolder.Make(folder["a/b"], flushed.Add);
        Assert.That(flushed, Is.EqualTo((string[])[folder["a"]]));
    }

    [TestCase(LibC.NotPermitted, false)]
    [TestCase(LibC.NoAccess, false)]
    [TestCase(LibC.NoFlush, false)]
    [TestCase(LibC.ReadOnlyFileSystem, false)]
    [TestCase(5, true)] // EIO
    public void AFolderAboveThatMayNotBeOpenedIsNoFailureButOneOfTheDiskIs(int error, bool fails)
    {
        using var folder = new TemporaryFolder();
        Assert.That(() => DurableFolder.Make(folder["a"], path => throw new IOException(path, error)), fails ? Throws.InstanceOf<IOException>() : Throws.Nothing);
    }

    /// <summary>What the system says is told apart by its number.</summary>
    [Test]
    public void AFailureToFlushHasTheErrorOfTheSystem()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("only Linux has folders of which it is known that they cannot be flushed");
        }

        Assert.That(() => LibC.FlushFolder("/proc/self"), Throws.InstanceOf<IOException>().With.Property(nameof(Exception.HResult)).EqualTo(LibC.NoFlush));
    }
}
