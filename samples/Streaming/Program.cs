// Three ways to read a generation while it runs: pieces, bytes without allocation, and server-sent events.
using Abi.Llm;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

await using var model = await LanguageModel.LoadAsync(
    StoriesModel.Path, progress: new Progress<ModelLoadProgress>(p => Console.Error.WriteLine($"{p.Stage} {p.Fraction:P0}")));
var options = new GenerationOptions { MaximumTokens = 60, StopStrings = ["The end"], Sampling = new SamplingOptions { Seed = 7 } };

Console.WriteLine("-- pieces");
await foreach (var piece in model.GenerateAsync("One day, Tom found", options))
{
    Console.Write(piece.Text);
    if (piece.Outcome is { } outcome)
    {
        Console.WriteLine($"\n[{outcome.FinishReason}, {outcome.Usage.GeneratedTokens} tokens, {outcome.Timings.GeneratedTokensPerSecond:F0} a second, seed {outcome.Seed}]");
    }
}

Console.WriteLine("-- bytes");
await using (var stream = model.Start("One day, Tom found", options))
await using (var console = Console.OpenStandardOutput())
{
    var buffer = new byte[256];
    while (await stream.WaitToReadAsync())
    {
        console.Write(buffer.AsSpan(0, stream.TryRead(buffer)));
    }
}

Console.WriteLine("\n-- server-sent events");
await using (var console = Console.OpenStandardOutput())
{
    await new ServerSentEventWriter(console).WriteGenerationAsync(model.GenerateAsync("The cat", options with { MaximumTokens = 5 }));
}

Console.WriteLine("-- cancelled after 100 ms, or done before");
using var stop = new CancellationTokenSource(100);
try
{
    Console.WriteLine((await model.CompleteAsync("The dog", options with { MaximumTokens = 400 }, cancellationToken: stop.Token)).Text.Length + " characters");
}
catch (OperationCanceledException)
{
    Console.WriteLine("cancelled");
}
