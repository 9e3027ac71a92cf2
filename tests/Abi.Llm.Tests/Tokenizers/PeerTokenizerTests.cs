using System.Diagnostics;
using System.Globalization;
using System.Text;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Compares ids with <c>llama-tokenize</c>: <c>ABI_PEERS</c> is a root folder in which <c>chroot</c> finds it.</summary>
[Explicit("Minutes; run by name with ABI_PEERS.")]
public sealed class PeerTokenizerTests
{
    private string _root = string.Empty;
    private string _folder = string.Empty;

    [SetUp]
    public void FindPeers()
    {
        _root = Environment.GetEnvironmentVariable("ABI_PEERS") ?? string.Empty;
        if (!File.Exists(Path.Combine(_root, "usr", "bin", "llama-tokenize")))
        {
            Assert.Ignore("llama.cpp's tools are absent: set ABI_PEERS to a root folder that has them.");
        }

        _folder = Directory.CreateTempSubdirectory("abi-peers").FullName;
        Directory.CreateDirectory(_root + _folder);
    }

    [TearDown]
    public void RemoveFolders()
    {
        if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
            Directory.Delete(_root + _folder, recursive: true);
        }
    }

    [TestCase("gpt-2")]
    [TestCase("deepseek-llm")]
    [TestCase("falcon")]
    public void EveryPreTokenizerGivesItsIds(string name)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{name}.gguf"));
        List<string> failures = [];
        foreach (var pre in PreTokenizer.Names.Where(pre => pre != "whitespace")) // with spaces in words the reference ends itself
        {
            // A separator that is asked for must be there, or the reference refuses the file.
            Compare(failures, pre, file.Metadata.With("tokenizer.ggml.pre", GgufValue.Of(pre)).With("tokenizer.ggml.seperator_token_id", GgufValue.Of(5u)).With("tokenizer.ggml.bos_token_id", GgufValue.Of(6u)));
        }

        Report(failures);
    }

    [TestCase("llama-spm")]
    [TestCase("phi-3")]
    [TestCase("gpt-2")]
    [TestCase("starcoder")]
    [TestCase("deepseek-llm")]
    [TestCase("falcon")]
    [TestCase("unigram-nfkc")]
    public void EveryVocabularyGivesItsIds(string name)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", $"{name}.gguf"));
        List<string> failures = [];
        for (var seed = 1; seed <= 10; seed++)
        {
            Compare(failures, $"{name} {seed}", file.Metadata, seed);
        }

        foreach (var key in new[] { "add_space_prefix", "remove_extra_whitespaces", "add_bos_token", "add_eos_token" })
        {
            foreach (var value in new[] { false, true })
            {
                Compare(failures, $"{key}={value}", file.Metadata.With("tokenizer.ggml.bos_token_id", GgufValue.Of(6u)).With($"tokenizer.ggml.{key}", GgufValue.Of(value)));
            }
        }

        Report(failures);
    }

    [Test]
    public void UserDefinedTokensOfUnigramModelsGiveItsIds()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "unigram-nfkc.gguf"));
        var tokens = file.Metadata.GetStringArray("tokenizer.ggml.tokens");
        var kinds = file.Metadata.GetInt32Array("tokenizer.ggml.token_type");
        foreach (var (id, text) in new[] { (400, "<extra_id_0>"), (401, "#tag"), (402, "@user"), (403, "//") })
        {
            (tokens[id], kinds[id]) = (text, (int)TokenKind.UserDefined);
        }

        kinds[404] = (int)TokenKind.Unused;
        List<string> failures = [];
        Compare(failures, "user-defined", file.Metadata.With("tokenizer.ggml.tokens", GgufValue.Of(tokens)).With("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan())));
        Report(failures);
    }

    [Test]
    public void WordPieceGivesItsIdsWhereTheOriginalDoesToo()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "bert-bge.gguf"));
        var random = new Random(3);
        const string Characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789      .,;:!?'\"()[]-_/@#$%&*+=<>~`^{}|\\\t\näöüßéèêñçÀÅØøİıŁł你好世界漢字дпрвтωμέΣςЯ€°–—“”…";
        var text = new StringBuilder();
        for (var i = 0; i < 100_000; i++)
        {
            text.Append(i % 20 == 0 ? ' ' : Characters[random.Next(Characters.Length)]);
        }

        List<string> failures = [];
        foreach (var flag in new[] { "lowercase", "strip_accents" })
        {
            foreach (var value in new[] { true, false })
            {
                Compare(failures, $"{flag}={value}", file.Metadata.With($"tokenizer.ggml.normalizer.{flag}", GgufValue.Of(value)), text: Encoding.UTF8.GetBytes(text.ToString()));
            }
        }

        Report(failures);
    }

    [Test]
    public void PlainBytePairsGiveItsIds()
    {
        // SentencePiece's vocabulary with merges made of its tokens, as converters do it.
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "llama-spm.gguf"));
        var tokens = file.Metadata.GetStringArray("tokenizer.ggml.tokens");
        var known = tokens.ToHashSet(StringComparer.Ordinal);
        var merges = tokens.Skip(259).SelectMany(token => Enumerable.Range(1, Math.Max(token.Length - 1, 0)).Where(at => !char.IsLowSurrogate(token[at]) && known.Contains(token[..at]) && known.Contains(token[at..])).Select(at => $"{token[..at]} {token[at..]}")).ToArray();
        var metadata = file.Metadata.With("tokenizer.ggml.model", GgufValue.Of("gpt2")).With("tokenizer.ggml.merges", GgufValue.Of(merges));
        List<string> failures = [];
        foreach (var pre in new[] { "gemma4", "granite-embed-multi-311m", "mmbert", "sarvam-moe" })
        {
            Compare(failures, pre, metadata.With("tokenizer.ggml.pre", GgufValue.Of(pre)));
        }

        Compare(failures, "gemma4 as a model", metadata.With("tokenizer.ggml.model", GgufValue.Of("gemma4")));
        foreach (var value in new[] { false, true })
        {
            Compare(failures, $"words, lower case {value}", metadata.With("tokenizer.ggml.model", GgufValue.Of("whitespace")).With("tokenizer.ggml.pre", GgufValue.Of("whitespace")).With("tokenizer.ggml.normalizer.lowercase", GgufValue.Of(value)));
        }

        Report(failures);
    }

    [Test]
    public void DnaGivesItsIds()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "gpt-2.gguf"));
        var words = Enumerable.Range(0, 4096).Select(number => string.Concat(Enumerable.Range(0, 6).Select(i => "ACGT"[(number >> (2 * i)) & 3])) + "\uE000");
        string[] tokens = [.. file.Metadata.GetStringArray("tokenizer.ggml.tokens"), "<dna>", "</dna>", "<oov>", .. words];
        List<string> failures = [];
        Compare(failures, "dna", file.Metadata.With("tokenizer.ggml.model", GgufValue.Of("hybriddna")).With("tokenizer.ggml.tokens", GgufValue.Of(tokens)).Without("tokenizer.ggml.token_type"));
        Report(failures);
    }

    [Test]
    public void RwkvGivesItsIds()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "gpt-2.gguf"));
        var gpt = Tokenizer.FromMetadata(file.Metadata);
        var texts = Enumerable.Range(0, 50256).Select(id => Convert.ToHexString(gpt.TokenBytes(id))).Where(hex => hex.Length > 2).Concat(Enumerable.Range(0, 256).Select(b => b.ToString("X2", CultureInfo.InvariantCulture)));
        string[] tokens = ["<s>", .. texts.Select(hex => string.Concat(hex.Chunk(2).Select(pair => Escape(Convert.ToByte(new string(pair), 16)))))];
        int[] kinds = [3, .. Enumerable.Repeat(1, tokens.Length - 1)];
        List<string> failures = [];
        for (var seed = 0; seed < 4; seed++)
        {
            var metadata = seed % 2 == 0
                ? file.Metadata
                : file.Metadata.With("tokenizer.ggml.add_bos_token", GgufValue.Of(true)).With("tokenizer.ggml.add_eos_token", GgufValue.Of(true)).With("tokenizer.ggml.bos_token_id", GgufValue.Of(7u));
            Compare(failures, $"rwkv {seed}", metadata.With("tokenizer.ggml.model", GgufValue.Of("rwkv")).With("tokenizer.ggml.tokens", GgufValue.Of(tokens)).With("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan())), seed);
        }

        Report(failures);

        static string Escape(byte b) => b switch
        {
            (byte)'\t' => "\\t",
            (byte)'\n' => "\\n",
            (byte)'\r' => "\\r",
            (byte)'\\' => "\\\\",
            (byte)'\'' => "\\'",
            >= 32 and < 127 => ((char)b).ToString(),
            _ => $"\\x{b:x2}",
        };
    }

    [TestCase("plamo2")]
    [TestCase("plamo3")]
    public void PlamoGivesItsIds(string model)
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "llama-spm.gguf"));
        var tokens = file.Metadata.GetStringArray("tokenizer.ggml.tokens");
        var random = new Random(5);
        var scores = tokens.Select((token, id) => id % 97 == 0 ? float.NaN : id % 89 == 0 ? -3000f : -0.5f - (random.NextSingle() * 20)).ToArray();
        for (var id = 259; id < tokens.Length; id++)
        {
            tokens[id] = tokens[id] != "▁" && !tokens.AsSpan(0, id).Contains(tokens[id].Replace('▁', ' ')) ? tokens[id].Replace('▁', ' ') : $"{tokens[id]}#{id}";
        }

        List<string> failures = [];
        for (var seed = 0; seed < 4; seed++)
        {
            Compare(failures, $"{model} {seed}", (seed % 2 == 0 ? file.Metadata : file.Metadata.With("tokenizer.ggml.add_bos_token", GgufValue.Of(seed == 1)).With("tokenizer.ggml.add_eos_token", GgufValue.Of(true))).With("tokenizer.ggml.model", GgufValue.Of(model)).With("tokenizer.ggml.tokens", GgufValue.Of(tokens)).With("tokenizer.ggml.scores", GgufValue.Of(scores.AsSpan())), seed);
        }

        Report(failures);
    }

    private static void Report(List<string> failures) => Assert.That(failures, Is.Empty, $"{failures.Count}:\n{string.Join("\n", failures)}");

    private void Compare(List<string> failures, string what, GgufMetadata metadata, int seed = 1, byte[]? text = null)
    {
        var tokenizer = Tokenizer.FromMetadata(metadata);
        var model = Path.Combine(_root + _folder, "model.gguf");
        new GgufWriter(metadata).Write(model);
        var specials = Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.KindOf(id) is TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown).Take(200).Select(id => Encoding.UTF8.GetString(tokenizer.TokenBytes(id, special: true))).ToArray();
        text ??= [.. Enumerable.Range(0, 1000).SelectMany(i => new RandomText((seed * 100_003) + i) { Specials = specials }.Next(20).Append((byte)'\n'))];
        File.WriteAllBytes(Path.Combine(_root + _folder, "text.txt"), text);
        foreach (var parse in new[] { true, false })
        {
            string[] flags = parse ? [] : ["--no-parse-special"];
            var (code, output, errors) = Run("llama-tokenize", ["-m", $"{_folder}/model.gguf", "-f", $"{_folder}/text.txt", "--ids", "--no-escape", "--log-disable", .. flags]);
            var open = output.LastIndexOf('[');
            if (code != 0 || open < 0)
            {
                failures.Add($"{what}: the reference gives {code}: {errors[..Math.Min(errors.Length, 300)]}");
                return;
            }

            int[] theirs = [.. output[(open + 1)..output.LastIndexOf(']')].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            // The tool adds an end token only where a begin token is added too.
            var ours = tokenizer.Encode(text, addSpecial: tokenizer.AddsBegin, parse);
            var at = ours.AsSpan().CommonPrefixLength(theirs);
            if (at == ours.Length && at == theirs.Length)
            {
                continue;
            }

            failures.Add($"{what}, {(parse ? "special" : "plain")}: of {theirs.Length} ids {at} agree; behind [{Show(tokenizer, ours[Math.Max(0, at - 8)..at])}] ours [{Show(tokenizer, ours.Skip(at).Take(8))}] theirs [{Show(tokenizer, theirs.Skip(at).Take(8))}]");
        }
    }

    private static string Show(Tokenizer tokenizer, IEnumerable<int> ids) => string.Join("|", ids.Select(id => id >= 0 && id < tokenizer.VocabularySize ? $"{id}:{Printable(tokenizer.TokenBytes(id, special: true))}" : id.ToString(CultureInfo.InvariantCulture)));

    private static string Printable(ReadOnlySpan<byte> bytes) => string.Concat(bytes.ToArray().Select(b => b is >= 32 and < 127 ? ((char)b).ToString() : $"\\{b:x2}"));

    private (int Code, string Output, string Errors) Run(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("chroot", [_root, program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
