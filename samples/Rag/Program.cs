// Retrieval-augmented generation in one process: texts are cut, embedded and stored; the beginning of a sentence finds passages by meaning and by words; a model goes on from them, and the sources are named.
//   dotnet run -c Release --project samples/Rag -- "Lily gave the owl"
using Abi;
using Abi.Database;
using Abi.Llm;
using Abi.Llm.Models;
using Abi.Llm.Sampling;

var folder = Directory.CreateTempSubdirectory("abi-rag-");
await using var abi = await AbiBuilder.Create()
    .AddLlm(llm =>
    {
        llm.Model = "stories";
        llm.Embeddings = llm.Embeddings with { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean, Normalize = true } };
    })
    .AddDatabase(database => database.Path = Path.Combine(folder.FullName, "tales.abi")).WithEmbeddings()
    .BuildAsync();
var passages = abi.Database.GetCollection<string, Passage>("passages");
await passages.EnsureCollectionExistsAsync();

// Chunks of whole sentences, counted in the model's own tokens; each knows where it stands.
var chunker = new TextChunker(new TextChunkerOptions { MaximumTokens = 60, OverlapTokens = 15, CountTokens = text => abi.Llm.Model.Tokenizer.Encode(text).Length });
foreach (var (title, text) in Tales.All)
{
    await passages.UpsertAsync(chunker.Split(text).Select(chunk => new Passage { Id = $"{title}#{chunk.Index}", Source = $"{title}, {chunk.Start}-{chunk.Start + chunk.Length}", Text = chunk.Text }));
}

Console.WriteLine($"{await passages.CountAsync()} passages of {Tales.All.Length} tales");
foreach (var beginning in args.Length > 0 ? args : ["The owl found the hat in a", "Ben lost his", "The frog saw the boat under the"])
{
    // Ranks by meaning and by words, fused. This story model was not trained to embed, so its words count more.
    var found = await passages.HybridSearchAsync(beginning, top: 2, new HybridSearchOptions { TextWeight = 3 }).Select(hit => hit.Record).ToListAsync();

    // A story model goes on with what it has read: the best passage stands last, right before the words to complete.
    var prompt = $"{string.Join(' ', found.AsEnumerable().Reverse().Select(passage => passage.Text))} {beginning}";
    var answer = await abi.Llm.CompleteAsync(prompt, new GenerationOptions { MaximumTokens = 12, Sampling = SamplingOptions.Greedy, StopStrings = ["."] });

    // Cited is what the completion shares words with; a small model also makes things up, and then nothing is.
    var words = answer.Text.Split([' ', ',', '"', '\n']).Where(word => word.Length > 3).ToList();
    var cited = found.Index().Where(passage => words.Exists(word => passage.Item.Text.Contains(word, StringComparison.OrdinalIgnoreCase))).Select(passage => $"[{passage.Index + 1}]");
    Console.WriteLine($"\n{beginning}{answer.Text.ReplaceLineEndings(" ")}. {string.Concat(cited.DefaultIfEmpty("(no source says so)"))}");
    foreach (var (i, passage) in found.Index())
    {
        Console.WriteLine($"  [{i + 1}] {passage.Source}: {passage.Text.ReplaceLineEndings(" ")}");
    }
}

await abi.DisposeAsync();
folder.Delete(recursive: true);
