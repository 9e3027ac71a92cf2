using System.Collections.Frozen;
using System.Text.RegularExpressions;
using Patterns = Abi.Llm.Tokenizers.PreTokenizerPatterns;

namespace Abi.Llm.Tokenizers;

/// <summary>How a model cuts text into pieces before merging (<c>tokenizer.ggml.pre</c>), and what that name turns on besides.</summary>
internal sealed class PreTokenizer
{
    private static readonly FrozenDictionary<string, PreTokenizer> Table = CreateTable();

    private static readonly FrozenSet<string> Tidied = FrozenSet.Create(
        StringComparer.Ordinal,
        "", "default", "minicpm5", "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano", "falcon", "mpt", "starcoder", "gpt-2", "phi-2", "jina-es",
        "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "modern-bert", "jais-2", "gemma4", "granite-embed-multi-311m", "mmbert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "whitespace",
        "refact", "stablelm2", "olmo", "dbrx", "smaug-bpe", "glm4", "glm5", "chatglm-bpe", "jais", "codeshell", "bloom", "gpt3-finnish", "exaone", "exaone4", "exaone-moe", "minerva-7b", "megrez", "mellum2");

    private PreTokenizer(params PreTokenizerStep[] steps)
    {
        Steps = steps;
        NeedsClasses = Array.Exists(steps, step => !step.Literal);
        NeedsLiteral = Array.Exists(steps, step => step.Literal);
    }

    /// <summary>The names that are known, in order.</summary>
    public static IEnumerable<string> Names => Table.Keys.Where(name => name.Length > 0).Order(StringComparer.Ordinal);

    /// <summary>Each cuts the pieces of the one before it.</summary>
    public PreTokenizerStep[] Steps { get; }

    public bool NeedsClasses { get; }

    public bool NeedsLiteral { get; }

    /// <summary>Whether Chinese characters are a class of their own.</summary>
    public bool MarksHan { get; private init; }

    /// <summary>Whether the joiners U+200C and U+200D are a class of their own.</summary>
    public bool MarksJoiners { get; private init; }

    /// <summary>Whether a piece that is a token is that token, whatever the merges say.</summary>
    public bool IgnoresMerges { get; private init; }

    public bool AddsBegin { get; private init; }

    /// <summary>Whether the begin token is added even where the file says it is not.</summary>
    public bool AlwaysAddsBegin { get; private init; }

    public bool AddsSeparator { get; private init; }

    /// <summary>Whether tokens are spelt in UTF-8, not in the characters that stand for bytes.</summary>
    public bool IsPlain { get; private init; }

    /// <summary>Whether spaces become U+2581 first.</summary>
    public bool EscapesSpaces { get; private init; }

    /// <summary>Whether a line begins with U+2581, and with each U+2581 in it a word of its own.</summary>
    public bool IsMetaspace { get; private init; }

    /// <summary>Whether a run of line ends that is a token is not merged.</summary>
    public bool KeepsLineRuns { get; private init; }

    /// <summary>Whether there is no begin token unless the file names one.</summary>
    public bool HasNoBegin { get; private init; }

    /// <summary>The pre-tokenizer of a name.</summary>
    /// <exception cref="UnsupportedModelException">The name is not known.</exception>
    public static PreTokenizer Of(string name) => Table.TryGetValue(name, out var found)
        ? found
        : throw new UnsupportedModelException($"The pre-tokenizer '{name}' ('tokenizer.ggml.pre') is not supported. Supported are: {string.Join(", ", Names)}.");

    /// <summary>Whether spaces before punctuation are tidied away when text of this pre-tokenizer is decoded for reading.</summary>
    public static bool TidiesSpaces(string name) => Tidied.Contains(name);

    private static PreTokenizerStep Classes(Regex pattern) => new(pattern, Literal: false, Scan: null);

    private static PreTokenizerStep Text(Regex pattern) => new(pattern, Literal: true, Scan: null);

    private static PreTokenizerStep Scan(PreTokenizerScan scan, bool literal = true) => new(Pattern: null, literal, scan);

    private static FrozenDictionary<string, PreTokenizer> CreateTable()
    {
        var table = new Dictionary<string, PreTokenizer>(StringComparer.Ordinal);
        Add(new(Classes(Patterns.DefaultMarks), Classes(Patterns.Gpt2), Classes(Patterns.Numbers), Text(Patterns.ThreeDigits)), "", "default");
        Add(new(Classes(Patterns.ThreeNumbers), Classes(Patterns.MiniCpm5)) { IgnoresMerges = true }, "minicpm5");
        Add(
            new(Classes(Patterns.Llama3)) { IgnoresMerges = true, AddsBegin = true },
            "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano");
        Add(
            new(Text(Patterns.LineEnd), Text(Patterns.DeepSeekWords), Text(Patterns.DeepSeekMarks), Scan(PreTokenizerScans.SpacesAtEnd), Text(Patterns.DeepSeekCjk), Classes(Patterns.Numbers)),
            "deepseek-llm");
        Add(new(Text(Patterns.LineEnd), Classes(Patterns.CoderLetters), Classes(Patterns.CoderMarks), Text(Patterns.DeepSeekCjk), Classes(Patterns.OneNumber)), "deepseek-coder");
        Add(new(Classes(Patterns.ThreeNumbers), Text(Patterns.DeepSeek3Cjk), Classes(Patterns.DeepSeek3)), "deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm");
        Add(new(Classes(Patterns.ThreeNumbers), Text(Patterns.DeepSeek3Cjk), Classes(Patterns.Spark), Classes(Patterns.OneNumber)), "spark2_5");
        Add(new(Text(Patterns.YoutuScripts), Classes(Patterns.Youtu)) { IgnoresMerges = true }, "youtu");
        Add(new(Classes(Patterns.FalconMarks), Classes(Patterns.Gpt2), Text(Patterns.ThreeDigits)), "falcon");
        Add(new(Classes(Patterns.OneNumber), Classes(Patterns.Gpt2)), "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2");
        Add(
            new(Classes(Patterns.Gpt2)),
            "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "modern-bert", "mpt", "olmo", "jais", "exaone4", "trillion", "granite-docling");
        Add(new(Classes(Patterns.Gpt2)) { AddsSeparator = true }, "jina-v1-en", "jina-v2-code", "roberta-bpe");
        Add(new(Classes(Patterns.Jais2)), "jais-2");
        Add(new(Text(Patterns.LineRuns)) { IsPlain = true, EscapesSpaces = true, KeepsLineRuns = true, AddsBegin = true, AlwaysAddsBegin = true }, "gemma4", "granite-embed-multi-311m");
        Add(new(Text(Patterns.LineRuns)) { IsPlain = true, EscapesSpaces = true, KeepsLineRuns = true, IsMetaspace = true }, "mmbert");
        Add(new(Text(Patterns.LineRuns)) { IsPlain = true, EscapesSpaces = true }, "sarvam-moe");
        Add(new(Text(Patterns.NonSpace)) { IsPlain = true }, "whitespace");
        Add(new(Classes(Patterns.Qwen2)), "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2");
        Add(new(Classes(Patterns.Qwen35)), "qwen35");
        Add(new(Classes(Patterns.Llama3)), "dbrx", "smaug-bpe");
        Add(new(Classes(Patterns.Llama3)) { HasNoBegin = true }, "glm4", "chatglm-bpe");
        Add(new(Classes(Patterns.Llama3)) { HasNoBegin = true, IgnoresMerges = true }, "glm5");
        Add(new(Text(Patterns.Bloom)), "poro-chat", "bloom", "gpt3-finnish");
        Add(new(Text(Patterns.Bloom), Classes(Patterns.OneNumber)), "viking");
        Add(new(Classes(Patterns.Tekken)) { IgnoresMerges = true, AddsBegin = true }, "tekken");
        Add(
            new(
                Text(Patterns.ChameleonSentinel), Text(Patterns.ChameleonImage), Text(Patterns.ChameleonSpaces), Classes(Patterns.OneNumber), Classes(Patterns.ChameleonMark),
                Classes(Patterns.Gpt2)) { AddsBegin = true },
            "chameleon");
        Add(new(Classes(Patterns.Gpt4o)), "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2");
        Add(new(Classes(Patterns.GraniteEmbedding)) { IgnoresMerges = true }, "granite-embed-multi-97m");
        Add(new(Scan(PreTokenizerScans.NumberGroups, literal: false), Classes(Patterns.TinyAya)), "tiny_aya", "cohere2moe");
        Add(new(Classes(Patterns.Numbers), Scan(PreTokenizerScans.DigitGroups)), "superbpe");
        Add(new(Classes(Patterns.BailingMoe)), "bailingmoe", "bailingmoe2", "llada-moe");
        Add(new(Classes(Patterns.SeedCoder)), "seed-coder");
        Add(new(Classes(Patterns.ExaoneMoe)), "exaone-moe");
        Add(new(Classes(Patterns.KimiK2)) { MarksHan = true }, "kimi-k2");
        Add(new(Classes(Patterns.K2Horizon)) { MarksJoiners = true }, "k2-horizon");
        Add(new(Classes(Patterns.Ufakzeka)), "ufakzeka");
        Add(new(Scan(PreTokenizerScans.NumberGroups, literal: false), Text(Patterns.AfMoeScripts), Classes(Patterns.DeepSeek3)), "afmoe");
        Add(new(Text(Patterns.LineRuns), Classes(Patterns.Qwen2)), "laguna");
        return table.ToFrozenDictionary(StringComparer.Ordinal);

        void Add(PreTokenizer preTokenizer, params string[] names)
        {
            foreach (var name in names)
            {
                table.Add(name, preTokenizer);
            }
        }
    }
}
