using System.Numerics.Tensors;
using System.Text.Json.Serialization;
using Abi;
using Abi.Database;
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Microsoft.Extensions.AI;

// Every part that finds out about types or calls into the system, on a model and a database; the test compares the lines of two compilations.
await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = "stories").AddDatabase(db => db.Path = args[0]).BuildAsync();
var model = abi.Llm.Model;
var options = new GenerationOptions { Sampling = new SamplingOptions { Temperature = 0.5f, Seed = 4 }, MaximumTokens = 60 };
Console.WriteLine($"text: {(await model.CompleteAsync("Once upon a time", options)).Text.ReplaceLineEndings(" ")}");
Console.WriteLine($"object: {await model.GenerateAsync("Lily had a little pet. Its name was ", Json.Default.Pet, options)}");

using var client = model.AsChatClient(new AbiChatClientOptions { Template = ChatTemplate.Parse("{% for message in messages %}{{ message.content }} {% endfor %}", model.Tokenizer) });
Console.WriteLine($"chat: {await client.GetResponseAsync("The cat saw a dog.", new ChatOptions { Temperature = 0, MaxOutputTokens = 20 })}");

using var session = model.CreateSession();
await session.CompleteAsync("Tom had a ball.", options);
await session.SaveAsync(Path.Combine(args[0], "..", "tom.session"));
using var restored = await model.RestoreSessionAsync(Path.Combine(args[0], "..", "tom.session"));
Console.WriteLine($"session: {restored.Count}");

string[] texts = ["The dog ran in the park.", "A puppy played in the garden."];
var vectors = await model.EmbedAsync(texts, new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true });
Console.WriteLine($"cosine: {TensorPrimitives.Dot(vectors[0].Values.Span, vectors[1].Values.Span):f4}");

var notes = abi.Database.GetCollection<string, Note>("notes");
await notes.EnsureCollectionExistsAsync();
await notes.UpsertAsync([new Note { Id = "a", Text = texts[0], Stars = 4, Vector = new float[] { 1, 0, 0 } }, new Note { Id = "b", Text = texts[1], Stars = 2, Vector = new float[] { 0, 1, 0 } }]);
await foreach (var found in notes.SearchAsync(new float[] { 1, 0.2f, 0 }, top: 2, new VectorSearchOptions { Filter = notes.Where(note => note.Stars >= 3) }))
{
    Console.WriteLine($"found: {found.Record.Id} {found.Score:f3} {found.Record.Text}");
}

await foreach (var found in notes.HybridSearchAsync(new float[] { 0, 1, 0 }, "the park", top: 2))
{
    Console.WriteLine($"hybrid: {found.Record.Id} {found.Score:f4}");
}

internal sealed record Pet(bool IsBig, int Legs);

[JsonSerializable(typeof(Pet))]
internal sealed partial class Json : JsonSerializerContext;

public sealed class Note
{
    [RecordKey]
    public string Id { get; set; } = "";

    [RecordData(IsFullTextIndexed = true)]
    public string? Text { get; set; }

    [RecordData(IsIndexed = true)]
    public int Stars { get; set; }

    [RecordVector(3)]
    public ReadOnlyMemory<float> Vector { get; set; }
}
