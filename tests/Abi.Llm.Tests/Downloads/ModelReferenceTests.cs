using Abi.Llm.Configuration;
using Abi.Llm.Downloads;

namespace Abi.Llm.Tests.Downloads;

public sealed class ModelReferenceTests
{
    [TestCase("owner/repo", "owner/repo", null)]
    [TestCase("Owner_1/Repo-7B.v2-GGUF:Q4_K_M", "Owner_1/Repo-7B.v2-GGUF", "Q4_K_M")]
    [TestCase("o/r:sub/file-Q8_0.gguf", "o/r", "sub/file-Q8_0.gguf")]
    public void RepositoriesAreRead(string text, string repository, string? type)
    {
        var reference = ModelReference.Parse(text);
        Assert.That((reference.Repository, reference.Type, reference.Revision, reference.Url), Is.EqualTo((repository, type, "main", (Uri?)null)));
        Assert.That(reference.ToString(), Is.EqualTo(text));
    }

    [Test]
    public void ThePageOfAFileMeansTheFile() =>
        Assert.That(ModelReference.Parse("https://example.org/o/r/blob/main/m.gguf").Url, Is.EqualTo(new Uri("https://example.org/o/r/resolve/main/m.gguf")));

    [TestCase("")]
    [TestCase("model")]
    [TestCase("../repo")]
    [TestCase("owner/..")]
    [TestCase("a/b/c")]
    [TestCase("owner/repo:")]
    [TestCase("https://example.org/")]
    [TestCase("ftp://example.org/m.gguf")]
    public void EverythingElseIsRefused(string text)
    {
        Assert.That(ModelReference.TryParse(text, out _), Is.False);
        Assert.That(() => ModelReference.Parse(text), Throws.ArgumentException.With.Message.Contains("owner/repo"));
    }

    [Test]
    public void TheCacheFindsWhatWasPulled()
    {
        var cache = Directory.CreateTempSubdirectory("abi-cache-").FullName;
        try
        {
            var folder = ModelCache.DirectoryOf(ModelReference.Parse("owner/repo"), cache);
            Assert.That(ModelCache.Find(ModelReference.Parse("owner/repo"), cache), Is.Null);
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "m-Q8_0.gguf"), "");
            File.WriteAllText(Path.Combine(folder, "m-Q4_0.gguf.partial"), "");
            Assert.That(ModelCache.Find(ModelReference.Parse("owner/repo"), cache), Is.EqualTo(Path.Combine(folder, "m-Q8_0.gguf")));
            Assert.That(ModelCache.Find(ModelReference.Parse("owner/repo:Q8_0"), cache), Is.EqualTo(Path.Combine(folder, "m-Q8_0.gguf")));
            Assert.That(ModelCache.Find(ModelReference.Parse("owner/repo:Q4_0"), cache), Is.Null);
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }
    }

    [Test]
    public void EveryAddressAndEveryRevisionHasAFolderOfItsOwn()
    {
        string[] folders =
        [
            .. new[] { "owner/repo", "https://host/a/m.gguf", "https://host/b/m.gguf", "https://host/a%2Fb/m.gguf", "http://host/a/m.gguf", "http://[::1]:80/a/m.gguf" }.Select(text => ModelCache.DirectoryOf(ModelReference.Parse(text), "cache")),
            ModelCache.DirectoryOf(ModelReference.Parse("owner/repo") with { Revision = "refs/pr/2" }, "cache"),
        ];
        Assert.That(folders, Is.Unique.And.All.StartsWith("cache").And.All.Not.Contains(".."));
        Assert.That(ModelCache.DirectoryOf(ModelReference.Parse("https://host/a/m-00001-of-00002.gguf?x=1"), "cache"), Is.EqualTo(folders[1]), "parts of a model lie together");
    }

    [Test]
    [NonParallelizable]
    public void AModelOptionMayNameAPulledModel()
    {
        var cache = Directory.CreateTempSubdirectory("abi-cache-").FullName;
        var before = Environment.GetEnvironmentVariable("ABI_CACHE");
        Environment.SetEnvironmentVariable("ABI_CACHE", cache);
        try
        {
            Assert.That(() => ModelLocator.Find("owner/repo:Q8_0", null), Throws.TypeOf<AbiException>().With.Message.Contains("abi pull"));
            var file = Path.Combine(ModelCache.DirectoryOf(ModelReference.Parse("owner/repo")), "m-Q8_0.gguf");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, "");
            Assert.That(ModelLocator.Find("owner/repo:Q8_0", null), Is.EqualTo(file));
        }
        finally
        {
            Environment.SetEnvironmentVariable("ABI_CACHE", before);
            Directory.Delete(cache, recursive: true);
        }
    }
}
