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
}
