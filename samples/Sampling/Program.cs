// The same beginning under different samplers. A seed makes each repeatable; unset, every run differs and reports the seed it took.
using System.Collections.Immutable;
using Abi.Llm;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
var lily = model.Tokenizer.Encode(" Lily", addSpecial: false);

await Show("greedy", SamplingOptions.Greedy);
await Show("llama.cpp's defaults", new SamplingOptions { Seed = 1 });
await Show("hot, held together by min-p", new SamplingOptions { Seed = 1, Temperature = 1.8f, TopK = 0, TopP = 1, MinP = 0.1f });
await Show("dynamic temperature", new SamplingOptions { Seed = 1, Temperature = 1, DynamicTemperatureRange = 0.7f });
await Show("no repetition (DRY and penalties)", new SamplingOptions { Seed = 1, DryMultiplier = 0.8f, RepetitionPenalty = 1.1f });
await Show("mirostat 2", new SamplingOptions { Seed = 1, Mirostat = MirostatMode.Version2, MirostatTau = 3 });
await Show("temperature before min-p", new SamplingOptions { Seed = 1, Temperature = 2, Order = [SamplerKind.Temperature, SamplerKind.MinP], MinP = 0.2f });
await Show("nobody is called Lily", new SamplingOptions { Seed = 1, LogitBias = lily.ToImmutableDictionary(id => id, _ => float.NegativeInfinity) });
await Show("a processor of one's own", new SamplingOptions { Seed = 1, Processors = [new NoCommas(model)] });

async Task Show(string title, SamplingOptions sampling)
{
    var result = await model.CompleteAsync("Once upon a time, there was", new GenerationOptions { Sampling = sampling, MaximumTokens = 30, LogProbabilities = 0 });
    var surprise = -result.Tokens.Average(token => token.LogProbability);
    Console.WriteLine($"{title} (seed {result.Outcome.Seed}, {surprise:F2} nats a token):\n  {result.Text.ReplaceLineEndings(" ").Trim()}\n");
}

internal sealed class NoCommas(LanguageModel model) : ILogitProcessor
{
    private readonly int[] _commas = [.. Enumerable.Range(0, model.Tokenizer.VocabularySize).Where(id => model.Tokenizer.TokenBytes(id).Contains((byte)','))];

    public void Process(ReadOnlySpan<int> history, Span<float> logits)
    {
        foreach (var id in _commas)
        {
            logits[id] = float.NegativeInfinity;
        }
    }
}
