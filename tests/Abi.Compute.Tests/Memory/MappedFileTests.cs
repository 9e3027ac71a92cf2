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
    public void PagesThatAreGivenBackComeAgain()
    {
        File.WriteAllBytes(_path, [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i * 7))]);
        using var file = new MappedFile(_path);
        var bytes = new ReadOnlySpan<byte>((byte*)file.Address, (int)file.Length);
        var before = bytes.ToArray();
        var resident = OperatingSystem.IsLinux() ? ResidentMemory.Bytes(_path) : 0;
        file.GiveBack(1, file.Length - 1);
        if (OperatingSystem.IsLinux())
        {
            Assert.That(resident, Is.GreaterThan(900_000));
            Assert.That(ResidentMemory.Bytes(_path), Is.LessThan(100_000));
        }

        Assert.That(bytes.SequenceEqual(before));
    }

    [TestCase(-1, 1)]
    [TestCase(0, -1)]
    [TestCase(0, 10_001)]
    [TestCase(10_001, 0)]
    [TestCase(9_999, long.MaxValue)]
    public void ARangeOutsideTheFileIsNotGivenBack(long offset, long bytes)
    {
        using var file = new MappedFile(_path);
        Assert.That(() => file.GiveBack(offset, bytes), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void OneThatIsDisposedOfReadsNothing()
    {
        var file = new MappedFile(_path);
        file.Dispose();
        file.Dispose();
        Assert.That(() => file.Read(0, new byte[1]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => file.GiveBack(0, 1), Throws.TypeOf<ObjectDisposedException>());
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
