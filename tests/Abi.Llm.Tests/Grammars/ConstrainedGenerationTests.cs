using System.Text.Json;
using System.Text.Json.Serialization;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Grammars in the engine: with every sampler, near limits, cut off, and as objects.</summary>
public sealed partial class ConstrainedGenerationTests
{
    private const string Prompt = "Once upon a time";
    private LanguageModel _model = null!;

    [OneTimeSetUp]
    public async Task LoadAsync() => _model = await LanguageModel.LoadAsync(
        Fixtures.Path("stories", "stories260K.f32.gguf"), new ModelLoadOptions { Engine = new EngineOptions { CacheType = TensorType.F32, CacheTokens = 8 * 512 } });

    [OneTimeTearDown]
    public async Task UnloadAsync()
    {
        if (_model is not null)
        {
            await _model.DisposeAsync();
        }
    }

    [Test]
    public async Task EverySamplerGivesWholeTextsOfTheGrammar()
    {
        var grammar = Grammar.FromJsonSchema("""{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"]}""");
        SamplingOptions[] samplings =
        [
            SamplingOptions.Greedy,
            new() { Temperature = 5, TopK = 0, TopP = 1, MinP = 0, Seed = 1 },
            new() { Mirostat = MirostatMode.Version2, Seed = 2 },
            new() { Mirostat = MirostatMode.Version1, Seed = 3 },
            new() { TypicalP = 0.5f, XtcProbability = 1, XtcThreshold = 0.1f, Seed = 4 },
            new() { TopNSigma = 1, RepetitionPenalty = 1.5f, DryMultiplier = 1, Seed = 5 },
            new() { AdaptiveTarget = 0.3f, Seed = 6 },
        ];
        foreach (var sampling in samplings)
        {
            var result = await _model.CompleteAsync(Prompt, new GenerationOptions { Grammar = grammar, MaximumTokens = 80, Sampling = sampling });
            Assert.That(result.Outcome.IsGrammarComplete, Is.True, result.Text);
            var person = JsonDocument.Parse(result.Text).RootElement;
            Assert.That(person.GetProperty("name").GetString()!.EnumerateRunes().Count(), Is.LessThanOrEqualTo(12));
            Assert.That(person.GetProperty("age").GetInt32(), Is.InRange(0, 150));
        }
    }

    [Test]
    public async Task TheLimitIsMetByTheShortestTextAndOneBelowItIsRefusedWithTheNumberNeeded()
    {
        var grammar = Grammar.FromJsonSchema("""{"type":"object","properties":{"list":{"type":"array","minItems":2,"items":{"type":"string"}}},"required":["list"]}""");
        var needed = grammar.Start(_model.Tokenizer).TokensToComplete;
        Assert.That(needed, Is.InRange(8, 20));
        for (var limit = needed; limit < needed + 6; limit++)
        {
            var result = await _model.CompleteAsync(Prompt, new GenerationOptions { Grammar = grammar, MaximumTokens = limit, Sampling = new SamplingOptions { Temperature = 3, TopK = 0, TopP = 1, MinP = 0, Seed = limit } });
            Assert.That(result.Outcome.IsGrammarComplete, Is.True, result.Text);
            Assert.That(() => JsonDocument.Parse(result.Text), Throws.Nothing, result.Text);
            Assert.That(result.Tokens, Has.Length.LessThanOrEqualTo(limit));
        }

        var refused = Assert.Throws<GrammarException>(() => _model.Start(Prompt, new GenerationOptions { Grammar = grammar, MaximumTokens = needed - 1 }));
        Assert.That(refused!.Message, Does.Contain($"{needed} tokens"));
    }

    [Test]
    public async Task ARefusedLimitLeavesTheSessionAsItWas()
    {
        using var session = _model.CreateSession();
        await foreach (var _ in session.GenerateAsync(Prompt, new GenerationOptions { MaximumTokens = 3, Sampling = SamplingOptions.Greedy }))
        {
        }

        var before = session.GetIds();
        Assert.Throws<GrammarException>(() => session.Start("more", new GenerationOptions { Grammar = Grammar.FromChoices("a long answer"), MaximumTokens = 1 }));
        Assert.That(session.GetIds(), Is.EqualTo(before));
    }

    [Test]
    public async Task ContextBoundsTheTextToo()
    {
        var grammar = Grammar.FromGbnf("root ::= \"[\" [a-z]* \"]\"");
        var prompt = Enumerable.Repeat(100, _model.ContextLength - 6).ToArray();
        var result = await _model.CompleteAsync(prompt, new GenerationOptions { Grammar = grammar, IgnoreEndOfGeneration = true });
        Assert.That(result.Outcome.IsGrammarComplete, Is.True);
        Assert.That(result.Text, Does.StartWith("[").And.EndWith("]"));
    }

    [Test]
    public async Task CancellationIsMarkedIncomplete()
    {
        using var stop = new CancellationTokenSource();
        await using var stream = _model.Start(Prompt, new GenerationOptions { Grammar = Grammar.FromGbnf("root ::= [a-z ]* \"#\""), MaximumTokens = 400, BufferedTokens = 2 }, stop.Token);
        await stream.WaitToReadAsync();
        await stop.CancelAsync();
        Assert.That(async () =>
        {
            await foreach (var _ in stream.ReadPiecesAsync())
            {
            }
        }, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(stream.Outcome!.IsGrammarComplete, Is.False);
        Assert.That(stream.Outcome.FinishReason, Is.EqualTo(FinishReason.Cancelled));
    }

    [Test]
    public async Task UnconstrainedTextIsTheSameUnderAGrammarThatAllowsIt()
    {
        var plain = await _model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 30, Sampling = SamplingOptions.Greedy });
        var free = await _model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 30, Sampling = SamplingOptions.Greedy, Grammar = Grammar.FromGbnf("root ::= [^\\x00]*") });
        Assert.That(free.Text, Is.EqualTo(plain.Text));
        Assert.That(plain.Outcome.IsGrammarComplete, Is.Null);
    }

    [Test]
    public async Task ATriggerWakesTheGrammar()
    {
        var whole = (await _model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 60, Sampling = SamplingOptions.Greedy })).Text;
        var result = await _model.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 60, Sampling = SamplingOptions.Greedy, Grammar = Grammar.FromGbnf("root ::= \"<\" [0-9]{3} \">\"").After([" Lily"]) });
        var at = whole.IndexOf(" Lily", StringComparison.Ordinal);
        Assert.That(at, Is.GreaterThan(0));
        Assert.That(result.Text, Does.StartWith(whole[..(at + 5)]));
        Assert.That(result.Text[(at + 5)..], Does.Match("^<[0-9]{3}>$"));
        Assert.That(result.Outcome.IsGrammarComplete, Is.True);
    }

    [Test]
    public async Task ObjectsAreGenerated()
    {
        var options = new GenerationOptions { MaximumTokens = 300, Sampling = new SamplingOptions { Temperature = 1.5f, Seed = 11 } };
        for (var seed = 0; seed < 5; seed++)
        {
            var order = await _model.GenerateAsync(Prompt, Context.Default.Order, options with { Sampling = options.Sampling with { Seed = seed } });
            Assert.That(order, Is.Not.Null);
            Assert.That(order!.Lines, Is.Not.Null);
            Assert.That(Enum.IsDefined(order.State));
        }
    }

    [Test]
    public void AnObjectThatDoesNotFitIsRefused() =>
        Assert.ThrowsAsync<GrammarException>(() => _model.GenerateAsync(Prompt, Context.Default.Order, new GenerationOptions { MaximumTokens = 5 }));

    public enum State
    {
        Open,
        Paid,
    }

    public sealed record Line(string Name, int Count, double? Price);

    public sealed record Order(Guid Id, DateTimeOffset At, [property: JsonConverter(typeof(JsonStringEnumConverter<State>))] State State, IReadOnlyList<Line> Lines, byte Priority);

    [JsonSerializable(typeof(Order))]
    [JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
    private sealed partial class Context : JsonSerializerContext;
}
