// A text that is kept: it goes on, is forked, taken back, saved, and taken up again by another process as if nothing had happened.
using Abi.Llm;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

var path = Path.Combine(Path.GetTempPath(), $"story-{Environment.ProcessId}.session");
var options = new GenerationOptions { MaximumTokens = 30, ContextFull = ContextFullPolicy.Shift, Sampling = new SamplingOptions { Seed = 12 } };
string whole;
await using (var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path))
{
    using var session = model.CreateSession();
    Console.WriteLine($"begun:    One day, a cat{await Continue(session, "One day, a cat", options)}");
    var beginning = session.Count;

    // Only what is new is computed.
    await using (var stream = session.Start(" Then it began to rain.", options))
    {
        Console.WriteLine($"goes on:  Then it began to rain.{await Read(stream)}");
        Console.WriteLine($"          [{stream.Outcome!.Usage.CachedTokens} tokens known, {stream.Outcome.Timings.PromptTokensComputed} computed]");
    }

    // Back to the beginning, and on in another way; a fork goes on on its own and shares what it has in common.
    session.Rewind(beginning);
    using (var fork = session.Fork())
    {
        Console.WriteLine($"fork:     The dog{await Continue(fork, " The dog", options)}");
    }

    Console.WriteLine($"rewound:  The bird{await Continue(session, " The bird", options)}");

    // Saved in the middle of a sentence, with keys, values, tokens and the samplers' random numbers.
    await session.SaveAsync(path);
    whole = await Continue(session, "", options with { ResumeSampling = true });
    Console.WriteLine($"saved:    {new FileInfo(path).Length >> 10} KB, {session.Count} tokens");
}

await using (var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path))
{
    using var session = await model.RestoreSessionAsync(path);
    var rest = await Continue(session, "", options with { ResumeSampling = true });
    Console.WriteLine($"restored: {rest.Trim()}");
    Console.WriteLine($"the same as without a pause: {rest == whole}");
}

File.Delete(path);

static async Task<string> Continue(InferenceSession session, string prompt, GenerationOptions options)
{
    await using var stream = session.Start(prompt, options);
    return await Read(stream);
}

static async Task<string> Read(GenerationStream stream)
{
    var text = "";
    await foreach (var piece in stream.ReadPiecesAsync())
    {
        text += piece.Text;
    }

    return text.ReplaceLineEndings(" ");
}
