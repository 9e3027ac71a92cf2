using System.Text;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Every case of the reference vocabularies.</summary>
[Parallelizable]
public sealed class TokenizerFixtureTests
{
    public static IEnumerable<string> Names() => Fixtures.TryPath("tokenizers") is { } folder
        ? Directory.GetFiles(folder, "*.cases.jsonl").Select(path => Path.GetFileName(path)[..^".cases.jsonl".Length]).Order(StringComparer.Ordinal)
        : [""];

    public static IEnumerable<string> Files(string prefix) => Fixtures.TryPath("tokenizers") is { } folder
        ? Directory.GetFiles(folder, $"{prefix}*.jsonl").Select(path => Path.GetFileName(path)).Where(name => !name.Contains("-texts", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
        : [""];

    [TestCaseSource(nameof(Names))]
    public void EveryCaseHasTheReferencesIds(string name)
    {
        var tokenizer = Load(name);
        var originals = Originals(name);
        List<string> failures = [];
        var count = 0;
        foreach (var row in Rows($"{name}.cases.jsonl"))
        {
            count++;
            var text = row.GetProperty("text").GetString()!;
            var utf8 = Encoding.UTF8.GetBytes(text);
            if (originals.TryGetValue(text, out var original))
            {
                // Here the original is right, and the reference is not. None of these texts holds a special one.
                Compare(failures, text, "ids", original, tokenizer.Encode(utf8, addSpecial: false, parseSpecial: false));
                Compare(failures, text, "ids_with_special", [tokenizer.BeginId!.Value, .. original, tokenizer.SeparatorId!.Value], tokenizer.Encode(utf8, addSpecial: true, parseSpecial: true));
                continue;
            }

            var ids = Ints(row.GetProperty("ids"));
            Compare(failures, text, "ids", ids, tokenizer.Encode(utf8, addSpecial: false, parseSpecial: false));
            Compare(failures, text, "ids_parse_special", row.TryGetProperty("ids_parse_special", out var parsed) ? Ints(parsed) : ids, tokenizer.Encode(utf8, addSpecial: false, parseSpecial: true));
            Compare(failures, text, "ids_with_special", Ints(row.GetProperty("ids_with_special")), tokenizer.Encode(utf8, addSpecial: true, parseSpecial: true));
            if (tokenizer.CountTokens(text, addSpecial: false) != ids.Length)
            {
                failures.Add($"{JsonSerializer.Serialize(text)} counts {tokenizer.CountTokens(text, addSpecial: false)} tokens, not {ids.Length}");
            }
        }

        Assert.That(count, Is.GreaterThan(100));
        Assert.That(failures, Is.Empty, $"{failures.Count}: {string.Join("\n", failures.Take(8))}");
    }

    [TestCaseSource(nameof(Names))]
    public void EveryCaseIsDecodedAsTheReferenceDoes(string name)
    {
        var tokenizer = Load(name);
        List<string> failures = [];
        foreach (var row in Rows($"{name}.cases.jsonl"))
        {
            var ids = Ints(row.GetProperty("ids"));
            var target = new System.Buffers.ArrayBufferWriter<byte>();
            tokenizer.DecodeBytes(ids, target);
            var decoded = Bytes(row, "decoded");
            CompareText(failures, "pieces_joined", Bytes(row, "pieces_joined") ?? decoded!, target.WrittenSpan);
            // As text: what is not UTF-8 is U+FFFD on both sides.
            CompareText(failures, "decoded", Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(decoded!)), Encoding.UTF8.GetBytes(tokenizer.Decode(ids, tidySpaces: true)));
        }

        Assert.That(failures, Is.Empty, $"{failures.Count}: {string.Join("\n", failures.Take(8))}");
    }

    [TestCaseSource(nameof(Names))]
    public void BytesThatAreNotUtf8HaveTheReferencesIds(string name)
    {
        var tokenizer = Load(name);
        List<string> failures = [];
        foreach (var row in Rows($"{name}.bytes.jsonl"))
        {
            var hex = row.GetProperty("bytes_hex").GetString()!;
            var ids = Ints(row.GetProperty("ids"));
            Compare(failures, hex, "ids", ids, tokenizer.Encode(Convert.FromHexString(hex), addSpecial: false, parseSpecial: false));
            CompareText(failures, "decoded", Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Bytes(row, "decoded")!)), Encoding.UTF8.GetBytes(tokenizer.Decode(ids, tidySpaces: true)));
        }

        Assert.That(failures, Is.Empty, string.Join("\n", failures.Take(8)));
    }

    [TestCaseSource(nameof(Names))]
    public void SpecialIdsAndTokensAreTheReferences(string name)
    {
        var tokenizer = Load(name);
        using var document = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("tokenizers", $"{name}.info.json")));
        var info = document.RootElement;
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(info.GetProperty("n_tokens").GetInt32()));
        Assert.That(tokenizer.EndOfGenerationIds, Is.EqualTo(Ints(info.GetProperty("eog")).Order()));
        Assert.That(tokenizer.EndOfGenerationIds.All(tokenizer.IsEndOfGeneration));
        Assert.That(tokenizer.AddsBegin, Is.EqualTo(info.GetProperty("add_bos").GetBoolean()));
        Assert.That(tokenizer.AddsEnd, Is.EqualTo(info.GetProperty("add_eos").GetBoolean()));
        Assert.That(tokenizer.AddsSeparator, Is.EqualTo(info.GetProperty("add_sep").GetBoolean()));
        var special = info.GetProperty("special");
        Assert.That(tokenizer.BeginId ?? -1, Is.EqualTo(special.GetProperty("bos").GetInt32()));
        Assert.That(tokenizer.EndId ?? -1, Is.EqualTo(special.GetProperty("eos").GetInt32()));
        Assert.That(tokenizer.EndOfTurnId ?? -1, Is.EqualTo(special.GetProperty("eot").GetInt32()));
        Assert.That(tokenizer.SeparatorId ?? -1, Is.EqualTo(special.GetProperty("sep").GetInt32()));
        Assert.That(tokenizer.PadId ?? -1, Is.EqualTo(special.GetProperty("pad").GetInt32()));
        Assert.That(tokenizer.MaskId ?? -1, Is.EqualTo(special.GetProperty("mask").GetInt32()));
        Assert.That(Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.KindOf(id) == TokenKind.Control), Is.EqualTo(Ints(info.GetProperty("control"))));
        var pieces = info.GetProperty("pieces_hex").EnumerateObject().ToList();
        Assert.That(pieces, Is.Not.Empty);
        foreach (var piece in pieces)
        {
            Assert.That(Convert.ToHexStringLower(tokenizer.TokenBytes(int.Parse(piece.Name, System.Globalization.CultureInfo.InvariantCulture), special: true)), Is.EqualTo(piece.Value.GetString()), piece.Name);
        }
    }

    [TestCaseSource(nameof(Files), ["pre-"])]
    public void EveryPreTokenizerHasTheReferencesIds(string cases)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{cases["pre-".Length..^".jsonl".Length]}.gguf"));
        var texts = Rows($"{cases[..^".jsonl".Length]}-texts.jsonl").Select(row => (row.ValueKind == JsonValueKind.String ? row : row.GetProperty("text")).GetString()!).ToArray();
        var known = new Dictionary<string, int[][]>(StringComparer.Ordinal);
        List<string> failures = [];
        foreach (var row in Rows(cases))
        {
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
    }

    [TestCaseSource(nameof(Files), ["spm-flags-"])]
    [TestCaseSource(nameof(Files), ["normalizer-flags-"])]
    public void EverySwitchHasTheReferencesIds(string cases)
    {
        var name = cases[(cases.IndexOf("-flags-", StringComparison.Ordinal) + "-flags-".Length)..^".jsonl".Length];
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{name}.gguf"));
        var originals = Originals(name);
        List<string> failures = [];
        foreach (var record in Rows(cases))
        {
            var key = record.GetProperty("key").GetString()!;
            var value = record.GetProperty("value").GetBoolean();
            var tokenizer = Tokenizer.FromMetadata(file.Metadata.With(key, GgufValue.Of(value)));
            foreach (var row in record.GetProperty("cases").EnumerateArray())
            {
                var text = row.GetProperty("text").GetString()!;
                if (originals.ContainsKey(text))
                {
                    continue; // the reference is not right there, and nobody says what the original gives with this switch
                }

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

    private static IEnumerable<JsonElement> Rows(string file)
    {
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", file)))
        {
            using var record = JsonDocument.Parse(line);
            yield return record.RootElement;
        }
    }

    /// <summary>A field that may be written as text or, when it is not UTF-8, in hexadecimal.</summary>
    private static byte[]? Bytes(JsonElement row, string field) => row.TryGetProperty($"{field}_hex", out var hex) ? Convert.FromHexString(hex.GetString()!)
        : row.TryGetProperty(field, out var text) ? Encoding.UTF8.GetBytes(text.GetString()!)
        : null;

    private static void Compare(List<string> failures, string text, string what, int[] expected, int[] actual)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            failures.Add($"{JsonSerializer.Serialize(text.Length > 80 ? text[..80] : text)} {what}: expected [{string.Join(",", expected.Take(20))}], got [{string.Join(",", actual.Take(20))}]");
        }
    }

    private static void CompareText(List<string> failures, string what, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        if (!expected.SequenceEqual(actual))
        {
            failures.Add($"{what}: expected {JsonSerializer.Serialize(Encoding.UTF8.GetString(expected))}, got {JsonSerializer.Serialize(Encoding.UTF8.GetString(actual))}");
        }
    }

    /// <summary>The texts where the reference does not do what the original does, and the original's ids.</summary>
    private static Dictionary<string, int[]> Originals(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("tokenizers", "second-opinion.json")));
        return document.RootElement.GetProperty("differences").TryGetProperty(name, out var differences)
            ? differences.EnumerateArray().ToDictionary(difference => difference.GetProperty("text").GetString()!, difference => Ints(difference.GetProperty("huggingface_ids")), StringComparer.Ordinal)
            : [];
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
