using Abi.Compute.Devices;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Models;
using Abi.Llm.Quantization;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>A vocabulary as large as Llama 3's (128,256 tokens): a model of random weights with the synthetic vocabulary of <see cref="RandomModel"/>, since no fixture is that large.</summary>
[Parallelizable]
public sealed class LargeVocabularyTests
{
    private const int Tokens = 128256;
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"abi-{Guid.NewGuid():N}.gguf");
    private LanguageModel _model = null!;

    [OneTimeSetUp]
    public async Task LoadAsync()
    {
        RandomModel.Write(_path, ModelShape.Parse($"tiny,vocabulary={Tokens},embedding=64,feedforward=64,heads=2,kvheads=1,blocks=1,tied=true"), QuantizationTarget.Parse("Q8_0"));
        _model = await LanguageModel.LoadAsync(_path, new ModelLoadOptions { Engine = new EngineOptions { Activations = ActivationPrecision.Exact, ContextLength = 128 } });
    }

    [OneTimeTearDown]
    public async Task RemoveAsync()
    {
        await _model.DisposeAsync();
        File.Delete(_path);
    }

    [Test]
    public void EveryTokenIsThereAndTextsComeBack()
    {
        Assert.That((_model.Tokenizer.VocabularySize, _model.Engine.VocabularySize), Is.EqualTo((Tokens, Tokens)));
        foreach (var text in (string[])["Once upon a time, é!", "数字 123, \t tab", "🙂🙃", new string('a', 1000)])
        {
            Assert.That(_model.Tokenizer.Decode(_model.Tokenizer.Encode(text, addSpecial: false)).Trim(), Is.EqualTo(text));
        }
    }

    [Test]
    public async Task SamplingIsTheSameAloneAndTogether()
    {
        var options = new GenerationOptions
        {
            MaximumTokens = 12, IgnoreEndOfGeneration = true, LogProbabilities = 3, Sampling = new SamplingOptions { Temperature = 1.5f, TopK = 0, TopP = 0.99f, MinP = 0.001f, Seed = 9 },
        };
        int[][] prompts = [.. Enumerable.Range(0, 4).Select(i => TestModels.Ids(5 + (7 * i), Tokens, i))];
        var alone = new List<float[]>();
        foreach (var prompt in prompts)
        {
            alone.Add((await CheckpointTests.RunAsync(_model.Engine.Start(prompt, options))).Bits);
        }

        Assert.That(alone.SelectMany(bits => bits.Where((_, i) => i % 2 == 0)).Max(), Is.GreaterThan(65536), "ids beyond 16 bits are sampled");
        Assert.That((await Task.WhenAll(prompts.Select(prompt => CheckpointTests.RunAsync(_model.Engine.Start(prompt, options))))).Select(result => result.Bits), Is.EqualTo(alone));
    }

    [Test]
    public async Task AGrammarHoldsEverySampler()
    {
        for (var seed = 0; seed < 4; seed++)
        {
            var options = new GenerationOptions
            {
                MaximumTokens = 60,
                Grammar = Grammar.FromJsonSchema("""{"type":"object","properties":{"name":{"type":"string","maxLength":8},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],"additionalProperties":false}"""),
                Sampling = new SamplingOptions { Temperature = 2, TopK = 0, Seed = seed },
            };
            var result = await _model.CompleteAsync(new[] { 5, 6, 7 }, options);
            using var document = System.Text.Json.JsonDocument.Parse(result.Text);
            Assert.That(document.RootElement.GetProperty("age").GetInt32(), Is.InRange(0, 150), result.Text);
            Assert.That(document.RootElement.GetProperty("name").GetString()!.EnumerateRunes().Count(), Is.LessThanOrEqualTo(8), result.Text);
        }
    }
}
