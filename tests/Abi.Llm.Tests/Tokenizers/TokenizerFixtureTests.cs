using System.Text;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Every case of the reference vocabularies.</summary>
public sealed class TokenizerFixtureTests
{
    public static IEnumerable<string> Names() => Fixtures.TryPath("tokenizers") is { } folder
        ? Directory.GetFiles(folder, "*.cases.jsonl").Select(path => Path.GetFileName(path)[..^".cases.jsonl".Length]).Where(name => name is not ("bert-bge" or "unigram-nfkc")).Order(StringComparer.Ordinal)
        : [""];

    [TestCaseSource(nameof(Names))]
    public void EveryCaseHasTheReferencesIds(string name)
    {
        var tokenizer = Load(name);
        HashSet<string> excepted = name == "bert-bge" ? SecondOpinions(name) : [];
        List<string> failures = [];
        var count = 0;
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", $"{name}.cases.jsonl")))
        {
            using var record = JsonDocument.Parse(line);
            var row = record.RootElement;
            var text = row.GetProperty("text").GetString()!;
            if (excepted.Contains(text))
            {
                continue;
            }

            count++;
            var utf8 = Encoding.UTF8.GetBytes(text);
            var ids = Ints(row.GetProperty("ids"));
            Compare(failures, text, "ids", ids, tokenizer.Encode(utf8, addSpecial: false, parseSpecial: false));
            Compare(failures, text, "ids_parse_special", row.TryGetProperty("ids_parse_special", out var parsed) ? Ints(parsed) : ids, tokenizer.Encode(utf8, addSpecial: false, parseSpecial: true));
            Compare(failures, text, "ids_with_special", Ints(row.GetProperty("ids_with_special")), tokenizer.Encode(utf8, addSpecial: true, parseSpecial: true));
            var joined = ids.SelectMany(id => tokenizer.TokenBytes(id, special: true).ToArray()).ToArray();
            var expected = row.TryGetProperty("pieces_joined_hex", out var hex) || (!row.TryGetProperty("pieces_joined", out _) && row.TryGetProperty("decoded_hex", out hex))
                ? Convert.FromHexString(hex.GetString()!)
                : Encoding.UTF8.GetBytes((row.TryGetProperty("pieces_joined", out var pieces) ? pieces : row.GetProperty("decoded")).GetString()!);
            if (!joined.AsSpan().SequenceEqual(expected))
            {
                failures.Add($"{JsonSerializer.Serialize(text)} pieces: expected {JsonSerializer.Serialize(Encoding.UTF8.GetString(expected))}, got {JsonSerializer.Serialize(Encoding.UTF8.GetString(joined))}");
            }
        }

        Assert.That(count, Is.GreaterThan(100));
        Assert.That(failures, Is.Empty, $"{failures.Count}: {string.Join("\n", failures.Take(8))}");
    }

    [TestCaseSource(nameof(Names))]
    public void BytesThatAreNotUtf8HaveTheReferencesIds(string name)
    {
        var tokenizer = Load(name);
        List<string> failures = [];
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", $"{name}.bytes.jsonl")))
        {
            using var record = JsonDocument.Parse(line);
            var hex = record.RootElement.GetProperty("bytes_hex").GetString()!;
            Compare(failures, hex, "ids", Ints(record.RootElement.GetProperty("ids")), tokenizer.Encode(Convert.FromHexString(hex), addSpecial: false, parseSpecial: false));
        }

        Assert.That(failures, Is.Empty, string.Join("\n", failures.Take(8)));
    }

    [TestCaseSource(nameof(Names))]
    public void SpecialIdsAreTheReferences(string name)
    {
        var tokenizer = Load(name);
        var info = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("tokenizers", $"{name}.info.json"))).RootElement;
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(info.GetProperty("n_tokens").GetInt32()));
        Assert.That(tokenizer.EndOfGenerationIds, Is.EquivalentTo(Ints(info.GetProperty("eog"))));
    }

    [Test]
    public void EveryPreTokenizerHasTheReferencesIds()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "gpt-2.gguf"));
        var texts = File.ReadLines(Fixtures.Path("tokenizers", "pre-gpt-2-texts.jsonl")).Select(TextOf).ToArray();
        var known = new Dictionary<string, int[][]>(StringComparer.Ordinal);
        List<string> failures = [];
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", "pre-gpt-2.jsonl")))
        {
            using var record = JsonDocument.Parse(line);
            var row = record.RootElement;
            var pre = row.GetProperty("pre").GetString()!;
            known[pre] = row.TryGetProperty("ids", out var ids) ? [.. ids.EnumerateArray().Select(Ints)] : known[row.GetProperty("same_ids_as").GetString()!];
            var tokenizer = Tokenizer.FromMetadata(file.Metadata.With("tokenizer.ggml.pre", GgufValue.Of(pre)));
            Assert.That(tokenizer.AddsBegin, Is.EqualTo(row.GetProperty("add_bos").GetBoolean()), pre);
            Assert.That(tokenizer.AddsEnd, Is.EqualTo(row.GetProperty("add_eos").GetBoolean()), pre);
            Assert.That(tokenizer.AddsSeparator, Is.EqualTo(row.GetProperty("add_sep").GetBoolean()), pre);
            for (var i = 0; i < texts.Length; i++)
            {
                Compare(failures, texts[i], pre, known[pre][i], tokenizer.Encode(texts[i], addSpecial: false));
            }
        }

        Assert.That(known, Has.Count.GreaterThan(10));
        Assert.That(failures, Is.Empty, $"{failures.Count}: {string.Join("\n", failures.Take(8))}");

        static string TextOf(string line)
        {
            using var record = JsonDocument.Parse(line);
            return (record.RootElement.ValueKind == JsonValueKind.String ? record.RootElement : record.RootElement.GetProperty("text")).GetString()!;
        }
    }

    [TestCase("spm-flags-llama-spm", "llama-spm")]
    public void EverySwitchHasTheReferencesIds(string cases, string name)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{name}.gguf"));
        List<string> failures = [];
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", $"{cases}.jsonl")))
        {
            using var record = JsonDocument.Parse(line);
            var key = record.RootElement.GetProperty("key").GetString()!;
            var value = record.RootElement.GetProperty("value").GetBoolean();
            var tokenizer = Tokenizer.FromMetadata(file.Metadata.With(key, GgufValue.Of(value)));
            foreach (var row in record.RootElement.GetProperty("cases").EnumerateArray())
            {
                var text = row.GetProperty("text").GetString()!;
                Compare(failures, text, $"{key}={value}", Ints(row.GetProperty("ids")), tokenizer.Encode(text, addSpecial: false));
                if (row.TryGetProperty("ids_with_special", out var special))
                {
                    Compare(failures, text, $"{key}={value}, special", Ints(special), tokenizer.Encode(text, addSpecial: true, parseSpecial: true));
                }
            }
        }

        Assert.That(failures, Is.Empty, $"{failures.Count}: {string.Join("\n", failures.Take(8))}");
    }

    internal static Tokenizer Load(string name)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{name}.gguf"));
        return Tokenizer.FromMetadata(file.Metadata);
    }

    private static void Compare(List<string> failures, string text, string what, int[] expected, int[] actual)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            failures.Add($"{JsonSerializer.Serialize(text.Length > 80 ? text[..80] : text)} {what}: expected [{string.Join(",", expected.Take(20))}], got [{string.Join(",", actual.Take(20))}]");
        }
    }

    private static HashSet<string> SecondOpinions(string name)
    {
        var json = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("tokenizers", "second-opinion.json"))).RootElement;
        _ = name;
        return [.. Texts(json)];

        static IEnumerable<string> Texts(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "text" && p.Value.ValueKind == JsonValueKind.String ? [p.Value.GetString()!] : Texts(p.Value)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(Texts),
            _ => [],
        };
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
