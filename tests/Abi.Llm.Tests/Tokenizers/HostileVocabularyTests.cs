using System.Diagnostics;
using System.Text;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Vocabularies that are broken, by accident or on purpose: refused with the key and what to do, or taken as the reference takes them; never a crash, never a hang.</summary>
[Parallelizable]
public sealed class HostileVocabularyTests
{
    [Test]
    public void UnknownNamesAreRefusedWithThoseThatAreKnown()
    {
        var metadata = SmallVocabularies.Create("gpt2");
        Assert.That(() => Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.model", GgufValue.Of("nobody"))), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("nobody").And.Message.Contains("plamo2"));
        Assert.That(() => Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.pre", GgufValue.Of("gpt-neox"))), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("gpt-neox").And.Message.Contains("llama-bpe"));
        Assert.That(() => Tokenizer.FromMetadata(metadata.Without("tokenizer.ggml.model")), Throws.TypeOf<ModelFormatException>().With.Message.Contains("tokenizer.ggml.model"));
    }

    [TestCaseSource(typeof(SmallVocabularies), nameof(SmallVocabularies.OfText))]
    public void MissingAndMistypedKeysAreRefusedByName(string model)
    {
        var metadata = SmallVocabularies.Create(model);
        Refused(metadata.Without("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens");
        Refused(metadata.With("tokenizer.ggml.tokens", GgufValue.Of(5u)), "tokenizer.ggml.tokens");
        Refused(metadata.With("tokenizer.ggml.tokens", GgufValue.Of(Array.Empty<string>())), "tokenizer.ggml.tokens");
        Refused(metadata.With("tokenizer.ggml.tokens", GgufValue.Of(["a", "b", "a"])).Without("tokenizer.ggml.scores").Without("tokenizer.ggml.token_type"), "tokenizer.ggml.tokens");
        Refused(metadata.With("tokenizer.ggml.scores", GgufValue.Of([1f, 2f])), "tokenizer.ggml.scores");
        Refused(metadata.With("tokenizer.ggml.scores", GgufValue.Of("none")), "tokenizer.ggml.scores");
        Refused(metadata.With("tokenizer.ggml.token_type", GgufValue.Of([1, 2])), "tokenizer.ggml.token_type");
        Refused(metadata.With("tokenizer.ggml.token_type", GgufValue.Of([1f, 2f])), "tokenizer.ggml.token_type");
        Refused(metadata.With("tokenizer.ggml.bos_token_id", GgufValue.Of("<s>")), "tokenizer.ggml.bos_token_id");
        Refused(metadata.With("tokenizer.ggml.add_bos_token", GgufValue.Of(1u)), "tokenizer.ggml.add_bos_token");
        Refused(metadata.With("general.name", GgufValue.Of(1u)), "general.name");
        if (model is "gpt2" or "gemma4" or "hybriddna" or "whitespace")
        {
            Refused(metadata.Without("tokenizer.ggml.merges"), "tokenizer.ggml.merges");
            Refused(metadata.With("tokenizer.ggml.merges", GgufValue.Of([1, 2])), "tokenizer.ggml.merges");
        }

        if (model is "plamo2" or "plamo3")
        {
            Refused(metadata.With("tokenizer.ggml.tokens", GgufValue.Of(["a", "b"])).Without("tokenizer.ggml.scores").Without("tokenizer.ggml.token_type"), "<0x00>");
        }
    }

    [TestCaseSource(typeof(SmallVocabularies), nameof(SmallVocabularies.OfText))]
    public void SpecialIdsOutsideTheVocabularyAreIgnored(string model)
    {
        foreach (var value in new[] { GgufValue.Of(uint.MaxValue), GgufValue.Of(1_000_000u), GgufValue.Of(-5), GgufValue.Of(ulong.MaxValue) })
        {
            var metadata = SmallVocabularies.Create(model);
            foreach (var key in new[] { "bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "mask", "fim_pad", "fim_sep" })
            {
                metadata = metadata.With($"tokenizer.ggml.{key}_token_id", value);
            }

            var tokenizer = Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.add_bos_token", GgufValue.Of(true)).With("tokenizer.ggml.add_eos_token", GgufValue.Of(true)));
            Assert.That(tokenizer.EndOfGenerationIds.All(id => id < tokenizer.VocabularySize));
            RoundTrip.Check(tokenizer, "hello  world ♥"u8.ToArray());
        }
    }

    [TestCaseSource(typeof(SmallVocabularies), nameof(SmallVocabularies.OfText))]
    public void OddTokensScoresAndKindsDoNoHarm(string model)
    {
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            var metadata = SmallVocabularies.Create(model);
            var tokens = metadata.GetUtf8Array("tokenizer.ggml.tokens");
            var scores = metadata.GetSingleArray("tokenizer.ggml.scores");
            var kinds = metadata.GetInt32Array("tokenizer.ggml.token_type");
            for (var change = 0; change < 12; change++)
            {
                var id = random.Next(tokens.Length);
                scores[id] = random.Next(6) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => float.NegativeInfinity, 3 => float.MaxValue, 4 => float.MinValue, _ => 0 };
                kinds[random.Next(tokens.Length)] = random.Next(4) == 0 ? random.Next(int.MinValue, int.MaxValue) : random.Next(8);
                var text = random.Next(4) switch { 0 => Array.Empty<byte>(), 1 => [0xff, (byte)random.Next(256)], 2 => "<0xZZ>"u8.ToArray(), _ => Encoding.UTF8.GetBytes($"\\x{id}") };
                var other = random.Next(tokens.Length);
                tokens[other] = tokens.Any(token => token.AsSpan().SequenceEqual(text)) ? tokens[other] : text;
            }

            metadata = metadata.With("tokenizer.ggml.tokens", GgufValue.OfUtf8(tokens)).With("tokenizer.ggml.scores", GgufValue.Of(scores.AsSpan())).With("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan()));
            Tokenizer tokenizer;
            try
            {
                tokenizer = Tokenizer.FromMetadata(metadata);
            }
            catch (ModelFormatException)
            {
                continue;
            }

            foreach (var text in new[] { "hello world <s> the\n"u8.ToArray(), [0xff, 0x00, 0xe2, 0x96], new RandomText(i).Next(10) })
            {
                foreach (var parse in new[] { true, false })
                {
                    var ids = tokenizer.Encode(text, addSpecial: true, parse);
                    Assert.That(ids.All(id => id >= 0 && id < tokenizer.VocabularySize));
                    tokenizer.Decode(ids, tidySpaces: true);
                }
            }
        }
    }

    [Test]
    public void BrokenMergesAreMergesOfNothing()
    {
        string[] merges = ["", " ", "  ", "h", "h ", " e", "h e", "h e", "he l l", "he  l", "zz zz", "\u0000 \u0000", "l l", "he ll", "hell o"];
        var tokenizer = Tokenizer.FromMetadata(SmallVocabularies.Create("gpt2").With("tokenizer.ggml.merges", GgufValue.Of(merges)));
        Assert.That(tokenizer.Encode("hello", addSpecial: false), Has.Length.EqualTo(1));
        Assert.That(tokenizer.Decode(tokenizer.Encode("hello", addSpecial: false)), Is.EqualTo("hello"));
        RoundTrip.Check(tokenizer, "the hello \0\0 zzzz"u8.ToArray());
    }

    [TestCase("llama")]
    [TestCase("t5")]
    [TestCase("bert")]
    [TestCase("rwkv")]
    [TestCase("plamo2")]
    public void LongTokensDoNotMakeMatchingSlow(string model)
    {
        // Each a beginning of the next, up to a megabyte: matching them at every place of a text of the same letter would take 10^11 steps.
        int[] lengths = [2, 3, 5, 100, 1000, 4000, 4097, 100_000, 1_000_000];
        var metadata = SmallVocabularies.Create(model);
        string[] tokens = [.. metadata.GetStringArray("tokenizer.ggml.tokens"), .. lengths.Select(length => (model == "bert" ? "▁" : "") + new string('a', length) + "z"), .. lengths.Select(length => $"<{new string('a', length)}>")];
        int[] kinds = [.. metadata.GetInt32Array("tokenizer.ggml.token_type"), .. lengths.Select(_ => 1), .. lengths.Select(_ => 4)];
        float[] scores = [.. metadata.GetSingleArray("tokenizer.ggml.scores"), .. lengths.Select(_ => -3f), .. lengths.Select(_ => -3f)];
        var tokenizer = Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.tokens", GgufValue.Of(tokens)).With("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan())).With("tokenizer.ggml.scores", GgufValue.Of(scores.AsSpan())));
        var clock = Stopwatch.StartNew();
        tokenizer.CountTokens([.. Enumerable.Repeat((byte)'a', 8_000)]);
        tokenizer.CountTokens([(byte)'<', .. Enumerable.Repeat((byte)'a', 8_000)], parseSpecial: true);
        tokenizer.CountTokens(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"<{new string('a', 100)}>", 200))), parseSpecial: true);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
        Assert.That(tokenizer.Decode([tokens.Length - 1]), Has.Length.EqualTo(1_000_002));
    }

    [Test]
    public void CharacterMapsThatAreBrokenAreRefused()
    {
        var metadata = SmallVocabularies.Create("t5");
        byte[][] broken = [[1], [0, 0, 0, 0], [4, 0, 0, 0, 1, 2, 3, 4], [3, 0, 0, 0, 1, 2, 3, 0, 0], [255, 255, 255, 255, 1, 2, 3, 4], [4, 0, 0, 0, 0, 0, 0, 0, 1], [4, 0, 0, 0, 9, 0, 0, 0x80, 0], [252, 255, 255, 127, 0, 0]];
        foreach (var bytes in broken)
        {
            var value = new GgufValue(GgufValueType.Array, GgufValueType.UInt8, bytes.Length, bytes, hasShortLengths: false);
            Refused(metadata.With("tokenizer.ggml.precompiled_charsmap", value), "tokenizer.ggml.precompiled_charsmap");
        }

        Refused(metadata.With("tokenizer.ggml.precompiled_charsmap", GgufValue.Of("text")), "tokenizer.ggml.precompiled_charsmap");
        Refused(metadata.With("tokenizer.ggml.precompiled_charsmap", GgufValue.Of([1f])), "tokenizer.ggml.precompiled_charsmap");

        // a unit that is its own child for 'a', and a replacement that would make megabytes of every letter
        byte[] endless = [0, 4, 0, 0, .. Enumerable.Range(0, 256).SelectMany(_ => new byte[] { (byte)'a', 0, 0, 0 }), 0];
        var round = Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.precompiled_charsmap", new GgufValue(GgufValueType.Array, GgufValueType.UInt8, endless.Length, endless, hasShortLengths: false)));
        var clock = Stopwatch.StartNew();
        round.CountTokens([.. Enumerable.Repeat((byte)'a', 300_000)]);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
        byte[] large = [4, 0, 0, 0, 0, 0, 0, 0, .. Enumerable.Repeat((byte)'x', 5000), 0];
        Refused(metadata.With("tokenizer.ggml.precompiled_charsmap", new GgufValue(GgufValueType.Array, GgufValueType.UInt8, large.Length, large, hasShortLengths: false)), "tokenizer.ggml.precompiled_charsmap");

        // A table of noise matches whatever it matches, and never leaves its bounds.
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var bytes = new byte[4 + 1024 + 16];
            random.NextBytes(bytes);
            for (var unit = 7; unit < 1028; unit += 4)
            {
                bytes[unit] = (byte)(random.Next(4) == 0 ? 0x80 : 0);
                (bytes[unit - 1], bytes[unit - 2], bytes[unit - 3]) = bytes[unit] == 0 ? ((byte)0, (byte)random.Next(16), bytes[unit - 3]) : ((byte)0, (byte)0, (byte)random.Next(16));
            }

            (bytes[0], bytes[1], bytes[2], bytes[3], bytes[^1]) = (0, 4, 0, 0, 0);
            var tokenizer = Tokenizer.FromMetadata(metadata.With("tokenizer.ggml.precompiled_charsmap", new GgufValue(GgufValueType.Array, GgufValueType.UInt8, bytes.Length, bytes, hasShortLengths: false)));
            RoundTrip.Check(tokenizer, new RandomText(i).Next(30));
        }
    }

    [Test]
    public void IdsOnlyVocabulariesOfAbsurdSizeAreRefused() =>
        Refused(SmallVocabularies.Create("none").With("test.vocab_size", GgufValue.Of(int.MaxValue)), "test.vocab_size");

    [Test]
    public void IdsOutsideTheVocabularyAreRefused()
    {
        var tokenizer = Tokenizer.FromMetadata(SmallVocabularies.Create("gpt2"));
        Assert.That(() => tokenizer.Decode([-1]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => tokenizer.Decode([tokenizer.VocabularySize]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => tokenizer.KindOf(int.MaxValue), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(tokenizer.IsEndOfGeneration(int.MaxValue), Is.False);
    }

    private static void Refused(GgufMetadata metadata, string named) => Assert.That(() => Tokenizer.FromMetadata(metadata), Throws.TypeOf<ModelFormatException>().With.Message.Contains(named));
}
