using Abi.Database.Embeddings;

namespace Abi.Database.Tests.Embeddings;

/// <summary>The generator of an embedder: made when it is needed, once.</summary>
public sealed class TextEmbedderTests
{
    private static readonly VectorField Field = new("v", 26);

    [Test]
    public async Task TheGeneratorIsMadeOnceHoweverManyNeedItAtFirst()
    {
        using var generator = new LetterGenerator();
        using var isMadeAgain = new ManualResetEventSlim();
        var made = 0;
        var embedder = new TextEmbedder(
            () =>
            {
                if (Interlocked.Increment(ref made) == 1)
                {
                    isMadeAgain.Wait(TimeSpan.FromMilliseconds(300)); // time for the others
                }
                else
                {
                    isMadeAgain.Set();
                }

                return generator;
            },
            new TextEmbeddingOptions());
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => embedder.EmbedQueryAsync(Field, "text", CancellationToken.None))));
        Assert.That(made, Is.EqualTo(1));
    }

    [Test]
    public async Task AGeneratorThatCouldNotBeMadeIsAskedForAgain()
    {
        using var generator = new LetterGenerator();
        var isThere = false;
        var embedder = new TextEmbedder(() => isThere ? generator : throw new InvalidOperationException("not yet"), new TextEmbeddingOptions());
        Assert.That(async () => await embedder.EmbedQueryAsync(Field, "text", CancellationToken.None), Throws.InvalidOperationException);
        isThere = true;
        Assert.That((await embedder.EmbedQueryAsync(Field, "text", CancellationToken.None)).ToArray(), Is.EqualTo(LetterGenerator.VectorOf("text")));
    }
}
