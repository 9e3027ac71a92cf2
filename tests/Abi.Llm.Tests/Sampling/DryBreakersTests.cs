using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Sampling;

public sealed class DryBreakersTests
{
    /// <summary>llama.cpp looks for breakers in tokens as they read at the beginning of a text, where the space that the tokenizer puts in front is gone.</summary>
    [Test]
    public void ATokensFirstSpaceIsNoPartOfABreaker()
    {
        using var file = GgufFile.Open(Path.Combine(Repository.Root, "models", "stories.gguf"));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var the = tokenizer.Encode("the", addSpecial: false, parseSpecial: false)[0];
        Assert.That(tokenizer.TokenBytes(the).SequenceEqual(" the"u8), "the tokenizer puts a space in front");
        Assert.That(DryBreakers.Create(tokenizer, ["the"]).IsSingle(the));
        Assert.That(DryBreakers.Create(tokenizer, [" the"]).IsSingle(the), Is.False);
    }

    /// <summary>Breakers come with requests: those of all requests there ever were are not kept.</summary>
    [Test]
    public void BreakersAreFoundOnceAndGivenUpWhenThereAreMany()
    {
        using var file = GgufFile.Open(Path.Combine(Repository.Root, "models", "stories.gguf"));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var first = DryBreakers.Create(tokenizer, ["the", "a"]);
        Assert.That(DryBreakers.Create(tokenizer, ["the", "a"]), Is.SameAs(first));
        Assert.That(DryBreakers.Create(tokenizer, ["the\0a"]), Is.Not.SameAs(first), "other texts");
        for (var i = 0; i < 200; i++)
        {
            DryBreakers.Create(tokenizer, [$"{i}"]);
        }

        Assert.That(DryBreakers.Create(tokenizer, ["the", "a"]), Is.Not.SameAs(first));
    }
}
