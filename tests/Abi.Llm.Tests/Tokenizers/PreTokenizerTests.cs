using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Every pre-tokenizer on texts of our own. Each two bytes are a token, so that ids show where the pieces begin; <c>pre-tokenizers.json</c> holds what llama-tokenize gives.</summary>
[Parallelizable]
public sealed class PreTokenizerTests
{
    private static readonly string Recorded = Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Tokenizers", "pre-tokenizers.json");

    [Test]
    public void EveryNameCutsAsTheReferenceDoes()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Recorded));
        var metadata = Pairs();
        var text = Text();
        var known = new Dictionary<string, int[]>(StringComparer.Ordinal);
        var found = new Dictionary<PreTokenizer, int[]>();
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            known[entry.Name] = entry.Value.ValueKind == JsonValueKind.String ? known[entry.Value.GetString()!] : [.. entry.Value.EnumerateArray().Select(id => id.GetInt32())];
            var pre = PreTokenizer.Of(entry.Name);
            if (!found.TryGetValue(pre, out var ids))
            {
                found[pre] = ids = Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.pre", GgufValue.Of(entry.Name))).Encode(text);
            }

            Assert.That(ids, Is.EqualTo(known[entry.Name]), entry.Name);
        }

        Assert.That(known.Keys.Append("whitespace").Order(StringComparer.Ordinal), Is.EqualTo(PreTokenizer.Names));
        Assert.That(known.Values.Distinct().Count(), Is.GreaterThan(25));
    }

    [Test]
    public void DocumentationListsTheTable()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "tokenizers.md"));
        var section = text[text.IndexOf("## Pre-tokenizers", StringComparison.Ordinal)..].Split("\n\n")[1];
        Assert.That(Regex.Matches(section, "`([^`]+)`", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(match => match.Groups[1].Value), Is.EqualTo(PreTokenizer.Names));
    }

    [Test]
    [Explicit("Writes pre-tokenizers.json anew; needs ABI_PEERS.")]
    public void Record()
    {
        var root = Environment.GetEnvironmentVariable("ABI_PEERS") ?? throw new InvalidOperationException("ABI_PEERS names no folder.");
        var folder = Directory.CreateTempSubdirectory("abi-peers").FullName;
        Directory.CreateDirectory(root + folder);
        File.WriteAllBytes($"{root}{folder}/text.txt", Text());
        var lines = new List<string>();
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pre in PreTokenizer.Names.Where(pre => pre != "whitespace"))
        {
            new GgufWriter(Pairs().With("tokenizer.ggml.pre", GgufValue.Of(pre))).Write($"{root}{folder}/model.gguf");
            using var process = Process.Start(new ProcessStartInfo("chroot", [root, "llama-tokenize", "-m", $"{folder}/model.gguf", "-f", $"{folder}/text.txt", "--ids", "--no-escape", "--log-disable"]) { RedirectStandardOutput = true })!;
            var output = process.StandardOutput.ReadToEnd();
            var ids = output[output.LastIndexOf('[')..].Trim().Replace(" ", "", StringComparison.Ordinal);
            lines.Add($"\"{pre}\": {(known.TryGetValue(ids, out var same) ? $"\"{same}\"" : ids)}");
            known.TryAdd(ids, pre);
        }

        File.WriteAllText(Recorded, $"{{\n{string.Join(",\n", lines)}\n}}\n");
        Directory.Delete(folder, recursive: true);
        Directory.Delete(root + folder, recursive: true);
    }

    private static byte[] Text()
    {
        var text = new List<byte>();
        for (var seed = 0; seed < 60; seed++)
        {
            text.AddRange(new RandomText(seed) { HasBrokenBytes = false }.Next(6));
        }

        return [.. text];
    }

    /// <summary>A vocabulary of the bytes of the text and all pairs of them.</summary>
    private static GgufMetadata Pairs()
    {
        string[] single = [.. Text().Distinct().Order().Select(b => Encoding.UTF8.GetString(ByteCharacters.Encode(b)))];
        string[] tokens = ["<begin>", "<separator>", .. single, .. single.SelectMany(first => single.Select(second => first + second))];
        int[] kinds = [3, 3, .. Enumerable.Repeat(1, tokens.Length - 2)];
        return new GgufMetadata(
        [
            new("general.architecture", GgufValue.Of("llama")), new("tokenizer.ggml.model", GgufValue.Of("gpt2")), new("tokenizer.ggml.tokens", GgufValue.Of(tokens)),
            new("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan())), new("tokenizer.ggml.merges", GgufValue.Of([.. single.SelectMany(first => single.Select(second => $"{first} {second}"))])),
            new("tokenizer.ggml.bos_token_id", GgufValue.Of(0u)), new("tokenizer.ggml.seperator_token_id", GgufValue.Of(1u)),
        ]);
    }
}
