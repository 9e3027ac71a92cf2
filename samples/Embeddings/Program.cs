// Texts as vectors, and which of them are alike. Any model embeds; one that was trained for it (BERT and its kin) does so far better than this story model,
// and declares its own pooling, which is then left unset.
using System.Numerics.Tensors;
using Abi;
using Abi.Llm;
using Abi.Llm.Models;

await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = "stories").BuildAsync();
var options = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true };
string[] texts =
[
    "The dog ran after the ball in the park.",
    "A puppy played with a toy in the garden.",
    "Mom baked a sweet cake with sugar.",
    "Dad cooked soup and bread for dinner.",
];
var vectors = await abi.Llm.Model.EmbedAsync(texts, options);
foreach (var question in new[] { "A cat jumped on the grass.", "They ate cookies and milk." })
{
    var vector = await abi.Llm.EmbedAsync(question, options);
    Console.WriteLine($"{question} ({vector.TokenCount} tokens, {vector.Width} components)");
    foreach (var (text, score) in texts.Zip(vectors.Select(other => TensorPrimitives.Dot(vector.Values.Span, other.Values.Span))).OrderByDescending(pair => pair.Second))
    {
        Console.WriteLine($"  {score:F3} {text}");
    }
}
