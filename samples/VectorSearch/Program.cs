// A memory that outlives the program: sentences with their vectors and metadata in one folder, found again by meaning, by words, by both, and only among some.
using Abi;
using Abi.Database;
using Abi.Llm;
using Abi.Llm.Models;

var folder = Path.Combine(Path.GetTempPath(), $"abi-sample-{Environment.ProcessId}.abi");
var embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean };
for (var run = 1; run <= 2; run++)
{
    // The second time the folder is there, and so is all that was written.
    await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = "stories").AddDatabase(database => database.Path = folder).BuildAsync();
    var notes = abi.Database.GetCollection<int, Note>("notes");
    await notes.EnsureCollectionExistsAsync();
    if (run == 1)
    {
        string[] texts = ["The dog ran after the ball in the park.", "A puppy played with a toy in the garden.", "Mom baked a sweet cake with sugar.", "Dad cooked soup and bread for dinner."];
        var vectors = await abi.Llm.Model.EmbedAsync(texts, embedding);
        await notes.UpsertAsync(texts.Select((text, i) => new Note { Id = i, Text = text, Topic = i < 2 ? "play" : "food", Vector = vectors[i].Values }));
    }

    Console.WriteLine($"run {run}: {await notes.CountAsync()} notes at commit {abi.Database.Store.Sequence}");
    if (run == 2)
    {
        var question = "A cat jumped on the grass.";
        var vector = (await abi.Llm.EmbedAsync(question, embedding)).Values;
        Console.WriteLine($"nearest to '{question}'");
        await foreach (var found in notes.SearchAsync(vector, top: 2))
        {
            Console.WriteLine($"  {found.Score:F3} {found.Record.Text}");
        }

        Console.WriteLine("nearest of those about food");
        await foreach (var found in notes.SearchAsync(vector, top: 1, new VectorSearchOptions { Filter = notes.Where(note => note.Topic == "food") }))
        {
            Console.WriteLine($"  {found.Score:F3} {found.Record.Text}");
        }

        Console.WriteLine("near, or with 'garden' in it");
        await foreach (var found in notes.HybridSearchAsync(vector, "garden", top: 1))
        {
            Console.WriteLine($"  {found.Score:F3} {found.Record.Text} (vector {found.VectorScore:F3}, words {found.TextScore:F3})");
        }
    }
}

Directory.Delete(folder, recursive: true);

internal sealed class Note
{
    [RecordKey]
    public int Id { get; set; }

    [RecordData(IsFullTextIndexed = true)]
    public string Text { get; set; } = "";

    [RecordData(IsIndexed = true)]
    public string Topic { get; set; } = "";

    [RecordVector(256)]
    public ReadOnlyMemory<float> Vector { get; set; }
}
