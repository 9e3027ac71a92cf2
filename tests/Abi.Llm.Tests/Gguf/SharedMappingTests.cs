using Abi.Llm.Gguf;
using Abi.Models.Stories;

namespace Abi.Llm.Tests.Gguf;

/// <summary>A file that is open several times is mapped once, so that what is made of its tensors is made once.</summary>
public sealed class SharedMappingTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("abi-mapping-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void AFileIsMappedOnceHoweverOftenItIsOpened()
    {
        var path = Path.Combine(_folder, "model.gguf");
        var link = Path.Combine(_folder, "link.gguf");
        File.Copy(StoriesModel.Path, path);
        if (OperatingSystem.IsWindows())
        {
            link = path; // links are for administrators there
        }
        else
        {
            File.CreateSymbolicLink(link, path);
        }

        var first = GgufFile.Open(path);
        var second = GgufFile.Open(link);
        var memory = first.Tensors[0].Memory;
        Assert.That(second.Tensors[0].Memory, Is.SameAs(memory));
        Assert.That((second.Path, second.ByteLength), Is.EqualTo((link, first.ByteLength)));

        // one that is closed twice lets go once
        second.Dispose();
        second.Dispose();
        first.Tensors[0].DecodeRow(0, new float[first.Tensors[0].Columns]);
        first.Dispose();
        Assert.That(() => memory.Address, Throws.TypeOf<ObjectDisposedException>());
        using var again = GgufFile.Open(path);
        Assert.That(again.Tensors[0].Memory, Is.Not.SameAs(memory));
    }

    [Test]
    public void AFileThatTakesAnothersPlaceIsAnother()
    {
        var (path, newer) = (Path.Combine(_folder, "model.gguf"), Path.Combine(_folder, "newer.gguf"));
        File.Copy(StoriesModel.Path, path);
        File.Copy(StoriesModel.Path, newer);
        File.SetLastWriteTimeUtc(newer, File.GetLastWriteTimeUtc(path).AddMilliseconds(1));
        using var before = GgufFile.Open(path);
        File.Move(newer, path, overwrite: true);
        using var after = GgufFile.Open(path);
        Assert.That(after.Tensors[0].Memory, Is.Not.SameAs(before.Tensors[0].Memory));
        before.Dispose();
        after.Tensors[0].DecodeRow(0, new float[after.Tensors[0].Columns]);
    }

    [Test]
    public void AFileOfTheSameLengthAndTimeIsAnotherToo()
    {
        var path = Path.Combine(_folder, "model.gguf");
        File.Copy(StoriesModel.Path, path);
        var time = File.GetLastWriteTimeUtc(path);
        using var before = GgufFile.Open(path);
        var newer = Path.Combine(_folder, "newer.gguf");
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(newer, bytes);
        File.Move(newer, path, overwrite: true);
        File.SetLastWriteTimeUtc(path, time);
        using var after = GgufFile.Open(path);
        Assert.That(after.Tensors[0].Memory, Is.Not.SameAs(before.Tensors[0].Memory));
    }

    [Test]
    public void AFailedOpeningHoldsNothing()
    {
        var path = Path.Combine(_folder, "broken.gguf");
        File.WriteAllBytes(path, File.ReadAllBytes(StoriesModel.Path)[..2000]);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(() => GgufFile.Open(path), Throws.TypeOf<ModelFormatException>());
            Assert.That(OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal), Is.False);
        }

        Assert.That(() => GgufFile.Open(_folder), Throws.TypeOf<AbiException>());
        Assert.That(() => GgufFile.Open(Path.Combine(_folder, "absent.gguf")), Throws.TypeOf<AbiException>().With.Message.Contains("absent.gguf"));
    }

    [Test]
    public void ManyThreadsOpenAndCloseIt()
    {
        var row = new float[4096];
        Parallel.For(0, 200, i =>
        {
            using var file = GgufFile.Open(StoriesModel.Path);
            var tensor = file.Tensors[i % file.Tensors.Count];
            tensor.DecodeRow(0, new float[tensor.Columns]);
        });
        using var last = GgufFile.Open(StoriesModel.Path);
        last.Tensors[0].DecodeRow(0, row.AsSpan(0, (int)last.Tensors[0].Columns));
    }
}
