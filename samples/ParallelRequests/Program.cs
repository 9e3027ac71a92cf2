// Many requests at once on one model: together they are faster than one after the other, and each gives the text that it gives alone.
using System.Diagnostics;
using Abi.Llm;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

await using var model = await LanguageModel.LoadAsync(
    args.FirstOrDefault() ?? StoriesModel.Path, new ModelLoadOptions { Engine = new EngineOptions { MaximumSequences = 16, QueueLimit = 64 } });
string[] names = ["Lily", "Tom", "Sara", "Ben", "Mia", "Max", "Anna", "Sam"];
var options = new GenerationOptions { MaximumTokens = 60, Sampling = new SamplingOptions { Seed = 6 } };
Task<GenerationResult> Tell(string name, GenerationOptions how) => model.CompleteAsync($"Once upon a time there was a child named {name}.", how);

await Tell("Nobody", options);   // weights are arranged for the processor at their first use
var start = Stopwatch.GetTimestamp();
var alone = new List<GenerationResult>();
foreach (var name in names)
{
    alone.Add(await Tell(name, options));
}

var (oneByOne, middle) = (Stopwatch.GetElapsedTime(start), Stopwatch.GetTimestamp());
var together = await Task.WhenAll(names.Select(name => Tell(name, options)));
var atOnce = Stopwatch.GetElapsedTime(middle);
var tokens = together.Sum(result => result.Outcome.Usage.GeneratedTokens);
Console.WriteLine($"{tokens} tokens: one by one {tokens / oneByOne.TotalSeconds:F0} a second, together {tokens / atOnce.TotalSeconds:F0}");
Console.WriteLine($"the same texts: {together.Zip(alone).All(pair => pair.First.Text == pair.Second.Text)}");

// Several texts after one prompt: it is computed once, and each text goes on from a fork of it. The likeliest:
var many = await model.CompleteManyAsync("The dragon opened its mouth and", 6, options with { MaximumTokens = 12, LogProbabilities = 0 });
Console.WriteLine($"of 6: {many.MaxBy(result => result.Tokens.Average(token => token.LogProbability))!.Text.Trim()}");
Console.WriteLine($"beam: {(await model.BeamSearchAsync("The dragon opened its mouth and", new BeamSearchOptions { Width = 4, MaximumTokens = 12 }))[0].Text.Trim()}");

// Priorities, a limit of time, and cancelling one without disturbing the others.
using var stop = new CancellationTokenSource();
var endless = options with { MaximumTokens = 100_000, ContextFull = ContextFullPolicy.Shift, IgnoreEndOfGeneration = true, Priority = -1 };
var limited = Tell("Zoe", endless with { TimeLimit = TimeSpan.FromMilliseconds(300) });
var cancelled = model.CompleteAsync("The end is never", endless, cancellationToken: stop.Token);
var urgent = await Tell("Lily", options with { Priority = 10 });
await stop.CancelAsync();
Console.WriteLine($"urgent: {urgent.Outcome.FinishReason}, limited: {(await limited).Outcome.FinishReason}, cancelled: {await cancelled.ContinueWith(task => task.IsCanceled, TaskScheduler.Default)}");

// More than may wait are refused before anything is begun.
var refused = 0;
var flood = Enumerable.Range(0, 200).Select(async i =>
{
    try
    {
        await Tell($"number {i}", options with { MaximumTokens = 2 });
    }
    catch (QueueFullException)
    {
        Interlocked.Increment(ref refused);
    }
}).ToList();
await Task.WhenAll(flood);
Console.WriteLine($"of 200 at once, {refused} were refused");
