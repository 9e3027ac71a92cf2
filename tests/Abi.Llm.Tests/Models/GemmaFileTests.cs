using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>What the files of Gemma 3n and 4 say, and what they cannot say.</summary>
public sealed class GemmaFileTests
{
    [Test]
    public void BlocksWithoutKeysKeepNone() => With("gemma4-shared", [], file =>
    {
        var graph = ModelDefinition.Create(file).DecoderGraph!;
        Assert.That(graph.State.Cache.Select(layer => (layer.KeySize, layer.Window)), Is.EqualTo(new[] { (8, GemmaModels.Window), (8, GemmaModels.Window), (16, 0), (8, GemmaModels.Window), (16, 0) }));
        Assert.That(graph.Operations.OfType<Attend>().Select(attend => attend.Layer.Index), Is.EqualTo(new[] { 0, 1, 2, 3, 4, 3, 3, 4 }));
    });

    [Test]
    public void TheTableOfAllBlocksIsReadByRows() => With("gemma4-shared", [], file =>
    {
        var operations = ModelDefinition.Create(file).DecoderGraph!.Operations;
        Assert.That(operations.OfType<Embed>().Select(embed => embed.Table.Name), Is.EqualTo(new[] { "token_embd.weight", "per_layer_token_embd.weight" }));
        Assert.That(operations.OfType<MatMul>().Select(product => product.Weight.Name), Has.None.Contains("per_layer_token_embd"));
    });

    [TestCase(8)]
    [TestCase(9)]
    [TestCase(-1)]
    public void KeysThatNoBlockMakesAreRefused(int sharing) => With("gemma4-shared", [("attention.shared_kv_layers", GgufValue.Of(sharing))], file =>
        Assert.That(() => ModelDefinition.Create(file), Throws.TypeOf<ModelFormatException>().With.Message.Contains("gemma4.attention.shared_kv_layers").And.Message.Contains($"{sharing} of 8")));

    [Test]
    public void ABlockNeedsAnEarlierOneOfItsKind() => With("gemma4-shared", [("attention.shared_kv_layers", GgufValue.Of(6u))], file =>
        Assert.That(() => ModelDefinition.Create(file), Throws.TypeOf<ModelFormatException>().With.Message.Contains("Block 2 shares")));

    [TestCase(9u)]
    [TestCase(0x7fffffffu)]
    [TestCase(uint.MaxValue)]
    public void EmbeddingsOfAnotherWidthAreRefused(uint width) => With("gemma4-shared", [("embedding_length_per_layer_input", GgufValue.Of(width))], file =>
        Assert.That(() => ModelDefinition.Create(file), Throws.InstanceOf<ModelFormatException>()));

    [Test]
    public void LogitsAreCappedWhereTheFileDoesNotSayHow() => With("gemma4-shared", [], file =>
        Assert.That(ModelDefinition.Create(file).DecoderGraph!.Operations.OfType<SoftCap>().Single().Cap, Is.EqualTo(30)));

    [Test]
    public void StreamsNeedEmbeddingsOfBlocks() => With("gemma3n-few", [("embedding_length_per_layer_input", GgufValue.Of(0u))], file =>
        Assert.That(() => ModelDefinition.Create(file), Throws.TypeOf<ModelFormatException>().With.Message.Contains("gemma3n.embedding_length_per_layer_input")));

    /// <summary>A file may hold more numbers than it has blocks, and every block asks for its own several times.</summary>
    [Test]
    public void ALongArrayIsReadOnce()
    {
        const int Length = 1 << 20;
        var slides = Enumerable.Range(0, Length).Select(block => block % 3 != 2).ToArray();
        With("gemma4-dense", [("attention.sliding_window_pattern", GgufValue.Of(slides.AsSpan()))], file =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            ModelDefinition.Create(file);
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(2 * Length * (sizeof(int) + sizeof(bool))));
        });
    }

    private static void With(string name, (string Key, GgufValue Value)[] keys, Action<GgufFile> look)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        try
        {
            GemmaModels.Write(path, name);
            using var file = GgufFile.Open(path);
            look(file.WithMetadata(keys.Aggregate(file.Metadata, (all, one) => all.With($"{file.Metadata.GetString("general.architecture")}.{one.Key}", one.Value))));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
