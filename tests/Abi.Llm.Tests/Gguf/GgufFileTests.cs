using System.Diagnostics;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Testing;

namespace Abi.Llm.Tests.Gguf;

public sealed class GgufFileTests
{
    [Test]
    public void EveryReferenceFileOpens()
    {
        var files = new[] { "models", "tokenizers", "quantized-models", "stories", "stories-model" }.SelectMany(folder => Directory.GetFiles(Fixtures.Path(folder), "*.gguf", SearchOption.AllDirectories)).ToList();
        foreach (var path in files)
        {
            using var file = GgufFile.Open(path);
            Assert.That(file.Metadata.GetString("general.architecture"), Is.Not.Empty, path);
            Assert.That(file.Tensors.Sum(tensor => tensor.ByteLength), Is.LessThanOrEqualTo(file.ByteLength), path);
        }

        Assert.That(files, Has.Count.GreaterThan(40));
    }

    [Test]
    public void EveryBrokenFileIsRefusedAtOnceSayingWhatAndWhere()
    {
        var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("malformed", "index.json"))).RootElement;
        foreach (var entry in index.GetProperty("files").EnumerateArray())
        {
            var name = entry.GetProperty("file").GetString()!;
            var expect = entry.GetProperty("expect").GetString();
            var clock = Stopwatch.StartNew();
            var before = GC.GetTotalAllocatedBytes(true);
            ModelFormatException? error = null;
            try
            {
                GgufFile.Open(Fixtures.Path("malformed", name)).Dispose();
            }
            catch (ModelFormatException e)
            {
                error = e;
            }

            TestContext.Out.WriteLine($"{name}: {error?.Message ?? "opens"}");
            Assert.That(GC.GetTotalAllocatedBytes(true) - before, Is.LessThan(16 << 20), name);
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)), name);
            switch (expect)
            {
                case "refuse":
                    Assert.That(error, Is.Not.Null, name);
                    Assert.That(error!.Offset, Is.Not.Null, name);
                    Assert.That(error.Message, Does.Contain(name), name);
                    break;
                case "accept":
                    Assert.That(error, Is.Null, name);
                    break;
            }
        }
    }

    [Test]
    public void AMissingFileIsSaidToBeMissing() =>
        Assert.That(() => GgufFile.Open("no-such-model.gguf"), Throws.TypeOf<AbiException>().With.Message.Contains("no-such-model.gguf"));
}
