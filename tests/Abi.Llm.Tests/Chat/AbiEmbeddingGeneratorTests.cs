using System.Reflection;
using Abi.Llm.Chat;
using Abi.Llm.Models;
using Abi.Llm.Tests.Engine;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

public sealed class AbiEmbeddingGeneratorTests
{
    private static readonly AbiEmbeddingGeneratorOptions Mean = new() { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true }, ModelId = "stories" };

    private LanguageModel _model = null!;

    [OneTimeSetUp]
    public async Task LoadAsync() => _model = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");

    [OneTimeTearDown]
    public async Task UnloadAsync() => await _model.DisposeAsync();

    [Test]
    public async Task VectorsAreTheModelsInTheOrderOfTheTexts()
    {
        string[] texts = ["Once upon a time", "A dog", "", "Lily had a big red ball and a small blue one"];
        var expected = await _model.EmbedAsync(texts[..2], Mean.Embedding);
        using var generator = _model.AsEmbeddingGenerator(Mean);
        var embeddings = await generator.GenerateAsync([texts[0], texts[1], texts[3]]);
        Assert.That(embeddings, Has.Count.EqualTo(3));
        Assert.That(embeddings[0].Vector.ToArray(), Is.EqualTo(expected[0].Values.ToArray()));
        Assert.That(embeddings[1].Vector.ToArray(), Is.EqualTo(expected[1].Values.ToArray()));
        Assert.That(embeddings.Select(embedding => Length(embedding.Vector.Span)), Is.All.EqualTo(1).Within(1e-5));
        Assert.That(embeddings[0].ModelId, Is.EqualTo("stories"));
        Assert.That(embeddings[0].CreatedAt, Is.Not.Null);
        var tokens = new[] { texts[0], texts[1], texts[3] }.Sum(text => _model.Tokenizer.CountTokens(text));
        Assert.That((embeddings.Usage!.InputTokenCount, embeddings.Usage.TotalTokenCount), Is.EqualTo(((long?)tokens, (long?)tokens)));
        Assert.That(await generator.GenerateAsync([]), Is.Empty);
    }

    [Test]
    public async Task ADeclaredPoolingIsUsedAndAMissingOneIsAskedFor()
    {
        using var undeclared = _model.AsEmbeddingGenerator();
        Assert.That(() => undeclared.GenerateAsync(["x"]), Throws.TypeOf<ChatOptionException>().With.Message.Contains("Mean, Cls or Last"));
        Assert.That((await undeclared.GenerateAsync(["x"], new() { AdditionalProperties = new() { ["pooling"] = "last", ["normalize"] = false } }))[0].Vector.ToArray(),
            Is.EqualTo((await _model.EmbedAsync("x", new EmbeddingOptions { Pooling = EmbeddingPooling.Last })).Values.ToArray()));
    }

    public static IEnumerable<string> AllMembers() => typeof(EmbeddingGenerationOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name);

    [TestCaseSource(nameof(AllMembers))]
    public async Task EveryMemberOfTheOptionsIsHonouredOrRefusedByName(string member)
    {
        using var generator = _model.AsEmbeddingGenerator(Mean);
        var width = _model.Definition.Hyperparameters.EmbeddingLength;
        switch (member)
        {
            case nameof(EmbeddingGenerationOptions.Dimensions):
                Assert.That((await generator.GenerateAsync(["x"], new() { Dimensions = 5 }))[0].Vector.Length, Is.EqualTo(5));
                Refused(generator, new() { Dimensions = width + 1 }, "Dimensions");
                break;
            case nameof(EmbeddingGenerationOptions.ModelId):
                Assert.That((await generator.GenerateAsync(["x"], new() { ModelId = "STORIES" }))[0].Vector.Length, Is.EqualTo(width));
                Refused(generator, new() { ModelId = "other" }, "ModelId");
                break;
            case nameof(EmbeddingGenerationOptions.AdditionalProperties):
                Assert.That(Length((await generator.GenerateAsync(["x"], new() { AdditionalProperties = new() { ["normalize"] = "false" } }))[0].Vector.Span), Is.Not.EqualTo(1).Within(1e-3));
                Assert.That((await generator.GenerateAsync([string.Concat(Enumerable.Repeat("once ", 3000))], new() { AdditionalProperties = new() { ["truncate"] = true } }))[0].Vector.Length, Is.EqualTo(width));
                Refused(generator, new() { AdditionalProperties = new() { ["poolin"] = "mean" } }, "AdditionalProperties[\"poolin\"]");
                Refused(generator, new() { AdditionalProperties = new() { ["pooling"] = "max" } }, "AdditionalProperties[\"pooling\"]");
                break;
            case nameof(EmbeddingGenerationOptions.RawRepresentationFactory):
                Assert.That((await generator.GenerateAsync(["x"], new() { RawRepresentationFactory = _ => new EmbeddingOptions { Pooling = EmbeddingPooling.Cls, Dimensions = 3 } }))[0].Vector.Length, Is.EqualTo(3));
                Refused(generator, new() { RawRepresentationFactory = _ => 5 }, "RawRepresentationFactory");
                break;
            default:
                Assert.Fail("a member that this generator does not know");
                break;
        }
    }

    [Test]
    public void ServicesAreFound()
    {
        using var generator = _model.AsEmbeddingGenerator(Mean);
        Assert.That(generator.GetService(typeof(EmbeddingGeneratorMetadata)), Has.Property("ProviderName").EqualTo("abi").And.Property("DefaultModelId").EqualTo("stories").And.Property("DefaultModelDimensions").EqualTo(64));
        Assert.That(generator.GetService(typeof(LanguageModel)), Is.SameAs(_model));
        Assert.That(generator.GetService(typeof(IEmbeddingGenerator)), Is.SameAs(generator));
        Assert.That(generator.GetService(typeof(LanguageModel), "key"), Is.Null);
        generator.Dispose();
        Assert.That(_model.Engine.Statistics.Active, Is.Zero, "the model is the caller's");
    }

    [Test]
    public async Task ManyRequestsAtOnceGiveTheSameAsAlone()
    {
        using var generator = _model.AsEmbeddingGenerator(Mean);
        var texts = Enumerable.Range(0, 20).Select(i => $"The cat number {i} sat").ToArray();
        var together = await Task.WhenAll(texts.Select(text => generator.GenerateAsync([text])));
        Assert.That(together[7][0].Vector.ToArray(), Is.EqualTo((await generator.GenerateAsync([texts[7]]))[0].Vector.ToArray()));
    }

    private static double Length(ReadOnlySpan<float> vector)
    {
        var sum = 0d;
        foreach (var x in vector)
        {
            sum += x * x;
        }

        return Math.Sqrt(sum);
    }

    private static void Refused(AbiEmbeddingGenerator generator, EmbeddingGenerationOptions options, string member) =>
        Assert.That(() => generator.GenerateAsync(["x"], options), Throws.TypeOf<ChatOptionException>().With.Property("Member").EqualTo($"EmbeddingGenerationOptions.{member}"));
}
