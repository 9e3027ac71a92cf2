using System.Text;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Every grammar of the reference data: verdicts, masks, and greedy texts of the story model.</summary>
public sealed class GrammarFixtureTests
{
    private static readonly JsonElement File = Fixtures.TryPath("sampling", "grammars.json") is { } path ? JsonDocument.Parse(System.IO.File.ReadAllText(path)).RootElement : default;

    public static IEnumerable<string> Names() => File.ValueKind == JsonValueKind.Object ? Grammars().Select(grammar => grammar.GetProperty("name").GetString()!) : [""];

    [TestCaseSource(nameof(Names))]
    public void TextsHaveTheReferencesVerdicts(string name)
    {
        var entry = Entry(name);
        var grammar = Grammar.FromGbnf(entry.GetProperty("grammar").GetString()!);
        var tokenizer = GrammarTesting.StoriesTokenizer();
        foreach (var text in entry.GetProperty("strings").EnumerateArray())
        {
            var bytes = text.TryGetProperty("text", out var plain) ? Encoding.UTF8.GetBytes(plain.GetString()!) : Convert.FromHexString(text.GetProperty("text_hex").GetString()!);
            var state = grammar.Start(tokenizer);
            Assert.That(state.TryAccept(bytes) && state.IsComplete, Is.EqualTo(text.GetProperty("accepted").GetBoolean()), text.ToString());
        }
    }

    [TestCaseSource(nameof(Names))]
    public void MasksAreTheReferences(string name)
    {
        var entry = Entry(name);
        var tokenizer = GrammarTesting.StoriesTokenizer();
        var grammar = Grammar.FromGbnf(entry.GetProperty("grammar").GetString()!);
        foreach (var mask in entry.GetProperty("masks").EnumerateArray())
        {
            var state = grammar.Start(tokenizer);
            foreach (var id in Ints(mask.GetProperty("prefix_ids")))
            {
                Assert.That(state.TryAccept(id), $"token {id} of {mask.GetProperty("prefix_ids")}");
            }

            int[] expected = mask.GetProperty("allowed").ValueKind == JsonValueKind.Array
                ? Ints(mask.GetProperty("allowed"))
                : [.. Enumerable.Range(0, tokenizer.VocabularySize).Except(Ints(mask.GetProperty("refused")))];
            Assert.That(GrammarTesting.Allowed(state), Is.EqualTo(expected), $"after {mask.GetProperty("prefix_ids")}");
            Assert.That(expected, Has.Length.EqualTo(mask.GetProperty("allowed_count").GetInt32()));
        }
    }

    [Test]
    public async Task GreedyTextsAreTheReferences()
    {
        await using var model = await Engine.TestModels.LoadAsync("stories", "stories260K.f32.gguf");
        foreach (var entry in Grammars())
        {
            if (!entry.TryGetProperty("constrained_greedy", out var greedy) || greedy.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            var grammar = Grammar.FromGbnf(entry.GetProperty("grammar").GetString()!);
            var tokens = new List<int>(model.Encode(greedy.GetProperty("prompt").GetString()!));
            var state = grammar.Start(model.Tokenizer);
            var chosen = new List<int>();
            while (chosen.Count < 40)
            {
                var logits = await model.ComputeLogitsAsync(tokens.ToArray());
                state.Mask(logits);
                var id = Array.IndexOf(logits, logits.Max());
                chosen.Add(id);
                tokens.Add(id);
                if (model.Tokenizer.IsEndOfGeneration(id))
                {
                    break;
                }

                Assert.That(state.TryAccept(id));
            }

            Assert.That(chosen, Is.EqualTo(Ints(greedy.GetProperty("ids"))), entry.GetProperty("name").GetString());
        }
    }

    private static JsonElement.ArrayEnumerator Grammars() => File.GetProperty("grammars").EnumerateArray();

    private static JsonElement Entry(string name)
    {
        Fixtures.Path("sampling");
        return Grammars().First(grammar => grammar.GetProperty("name").GetString() == name);
    }

    private static int[] Ints(JsonElement element) => [.. element.EnumerateArray().Select(value => value.GetInt32())];
}
