using System.Diagnostics;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
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
    public async Task ABrokenFileDoesNotLoadAndADoubtfulOneGivesAnErrorOrFiniteText()
    {
        using var index = JsonDocument.Parse(await File.ReadAllTextAsync(Fixtures.Path("malformed", "index.json")));
        foreach (var entry in index.RootElement.GetProperty("files").EnumerateArray())
        {
            var name = entry.GetProperty("file").GetString()!;
            var expect = entry.GetProperty("expect").GetString();
            AbiException? error = null;
            try
            {
                await GenerateAsync(Fixtures.Path("malformed", name));
            }
            catch (AbiException e)
            {
                error = e;
            }

            TestContext.Out.WriteLine($"{name}: {error?.Message ?? "generates"}");
            Assert.That(error, expect switch { "refuse" => Is.TypeOf<ModelFormatException>(), "accept" => Is.Null, _ => Is.Null.Or.InstanceOf<AbiException>() }, name);
        }
    }

    [TestCase("llama.block_count", uint.MaxValue)]
    [TestCase("llama.block_count", (uint)int.MaxValue)]
    [TestCase("llama.block_count", 1_000_000u)]
    [TestCase("llama.attention.head_count", 0u)]
    [TestCase("llama.attention.head_count", uint.MaxValue)]
    [TestCase("llama.attention.head_count_kv", 0u)]
    [TestCase("llama.attention.head_count_kv", 77u)]
    [TestCase("llama.embedding_length", 0u)]
    [TestCase("llama.embedding_length", 63u)]
    [TestCase("llama.feed_forward_length", uint.MaxValue)]
    [TestCase("llama.rope.dimension_count", uint.MaxValue)]
    public void NumbersThatDoNotFitTheTensorsAreRefusedAtOnce(string key, uint value)
    {
        using var file = GgufFile.Open(Fixtures.Path("malformed", "valid-control.gguf"));
        Assert.That(file.Metadata.Contains(key), key);
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{TestContext.CurrentContext.Test.ID}.gguf");
        try
        {
            var writer = new GgufWriter(file.Metadata.With(key, GgufValue.Of(value)));
            foreach (var tensor in file.Tensors)
            {
                writer.Add(tensor);
            }

            writer.Write(path);
            var clock = Stopwatch.StartNew();
            Assert.That(async () => await GenerateAsync(path), Throws.InstanceOf<AbiException>());
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task GenerateAsync(string path)
    {
        await using var model = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Device = new Compute.Scalar.ScalarDevice() });
        var ids = new List<int>();
        var options = new GenerationOptions { MaximumTokens = 4, IgnoreEndOfGeneration = true, LogProbabilities = 1, Sampling = new SamplingOptions { Temperature = 0 } };
        await foreach (var piece in model.GenerateAsync(new[] { 1, 2, 3 }, options))
        {
            ids.AddRange(piece.Tokens.Select(token => token.Id));
            Assert.That(piece.Tokens.All(token => token.Id >= 0 && token.Id < model.Tokenizer.VocabularySize), path);
        }

        Assert.That(ids, Is.Not.Empty, path);
    }

    [Test]
    public void AMissingFileIsSaidToBeMissing() =>
        Assert.That(() => GgufFile.Open("no-such-model.gguf"), Throws.TypeOf<AbiException>().With.Message.Contains("no-such-model.gguf"));
}
