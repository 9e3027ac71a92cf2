// A text that is kept: it goes on, is forked, taken back, saved, and taken up again as if nothing had happened.
using Abi.Llm;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

var options = new GenerationOptions { MaximumTokens = 30, ContextFull = ContextFullPolicy.Shift, Sampling = new SamplingOptions { Seed = 12 } };
await using var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path);
using var session = model.CreateSession();
await Continue("begun", session, "One day, a cat");
var beginning = session.Count;

// Only what is new is computed.
var outcome = await Continue("goes on", session, " Then it began to rain.");
Console.WriteLine($"          [{outcome.Usage.CachedTokens} tokens known, {outcome.Timings.PromptTokensComputed} computed]");

// Back to the beginning, and on in another way; a fork goes on on its own and shares what it has in common.
session.Rewind(beginning);
using (var fork = session.Fork())
{
    await Continue("fork", fork, " The dog");
}

await Continue("rewound", session, " The bird");

// Saved in the middle of a sentence, with keys, values, tokens and the samplers' random numbers: another process could go on from here.
var path = Path.Combine(Path.GetTempPath(), $"story-{Environment.ProcessId}.session");
await session.SaveAsync(path);
Console.WriteLine($"saved:    {new FileInfo(path).Length >> 10} KB, {session.Count} tokens");

var resume = options with { ResumeSampling = true };
var rest = await session.CompleteAsync("", resume);
using var restored = await model.RestoreSessionAsync(path);
var restoredRest = await restored.CompleteAsync("", resume);
Console.WriteLine($"restored: {restoredRest.Text.ReplaceLineEndings(" ").Trim()}");
Console.WriteLine($"the same as without a pause: {restoredRest.Text == rest.Text}");
File.Delete(path);

async Task<GenerationOutcome> Continue(string title, InferenceSession session, string prompt)
{
    var result = await session.CompleteAsync(prompt, options);
    Console.WriteLine($"{title + ":",-10}{prompt.TrimStart()}{result.Text.ReplaceLineEndings(" ")}");
    return result.Outcome;
}
