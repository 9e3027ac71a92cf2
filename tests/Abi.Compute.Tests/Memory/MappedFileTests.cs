using Abi.Compute.Memory;

namespace Abi.Compute.Tests.Memory;

public sealed unsafe class MappedFileTests
{
    private string _path = string.Empty;

    [SetUp]
    public void MakeFile()
    {
        _path = Path.GetTempFileName();
        File.WriteAllBytes(_path, [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 7))]);
    }

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void ReadsWhatIsMapped([Values(0, 1, 4095, 9_990)] int offset)
    {
        using var file = new MappedFile(_path);
        var bytes = new byte[10];
        file.Read(offset, bytes);
        Assert.That(bytes, Is.EqualTo(new ReadOnlySpan<byte>((byte*)file.Address + offset, 10).ToArray()));
    }

    [Test]
    public void ReadingPastTheEndIsRefused()
    {
        using var file = new MappedFile(_path);
        Assert.That(() => file.Read(9_995, new byte[10]), Throws.TypeOf<EndOfStreamException>().With.Message.Contains(_path).And.Message.Contains("10000"));
    }

    [Test]
    public void AFileThatIsCutWhileItIsMappedIsNamed()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("A mapped file cannot be cut there.");
        }

        using var file = new MappedFile(_path);
        using (var writer = new FileStream(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            writer.SetLength(5_000);
        }

        file.Read(4_990, new byte[10]);
        Assert.That(() => file.Read(4_990, new byte[11]), Throws.TypeOf<EndOfStreamException>().With.Message.Contains("cut"));
    }

    [Test]
    public void OneThatIsDisposedOfReadsNothing()
    {
        var file = new MappedFile(_path);
        file.Dispose();
        file.Dispose();
        Assert.That(() => file.Read(0, new byte[1]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void AnEmptyFileHasNothing()
    {
        File.WriteAllBytes(_path, []);
        using var file = new MappedFile(_path);
        Assert.That(file.Length, Is.Zero);
        file.Read(0, []);
        Assert.That(() => file.Read(0, new byte[1]), Throws.TypeOf<EndOfStreamException>());
    }
}
