using System.Collections.Immutable;
using System.Text;
using Abi.Llm.Gguf;

namespace Abi.Llm.Tokenizers;

/// <summary>The tokens of a model and what its file says of them, checked.</summary>
internal sealed class Vocabulary
{
    /// <summary>Texts that end a generation whatever the file says, as llama.cpp collects them.</summary>
    private static readonly HashSet<string> EndTexts = new(
        [
            "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>",
            "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
        ],
        StringComparer.Ordinal);

    private static readonly string[] EndOfTurnTexts = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>"];

    private readonly TokenKind[] _kinds;
    private readonly HashSet<int> _ends = [];

    public Vocabulary(GgufMetadata metadata)
    {
        Metadata = metadata;
        Model = metadata.GetString("tokenizer.ggml.model");
        Texts = metadata.GetUtf8Array("tokenizer.ggml.tokens");
        if (Texts.Length == 0)
        {
            throw new ModelFormatException("'tokenizer.ggml.tokens' is empty; a vocabulary has at least one token");
        }

        Scores = Optional(metadata, "tokenizer.ggml.scores", metadata.GetSingleArray) ?? new float[Texts.Length];
        var kinds = Optional(metadata, "tokenizer.ggml.token_type", metadata.GetInt32Array);
        _kinds = kinds is null ? [.. Enumerable.Repeat(TokenKind.Normal, Texts.Length)] : [.. kinds.Select(kind => Enum.IsDefined((TokenKind)kind) ? (TokenKind)kind : TokenKind.Undefined)];
        for (var id = 0; id < Texts.Length; id++)
        {
            // Of equal texts the last has the name, as in llama.cpp's map; ids are looked up by it.
            var entry = ByText.Add(Texts[id]);
            if (entry == IdByEntry.Count)
            {
                IdByEntry.Add(id);
            }
            else
            {
                IdByEntry[entry] = id;
            }
        }

        var (begin, end, unknown, separator, pad, mask) = Model switch
        {
            "llama" => (1, 2, 0, -1, -1, -1),
            "bert" => (101, -1, 100, 102, 0, 103),
            "gpt2" => (11, 11, -1, -1, -1, -1),
            "t5" => (-1, 1, 2, -1, 0, -1),
            _ => (-1, -1, -1, -1, -1, -1),
        };
        BeginId = Special("bos_token_id", begin) ?? Special("cls_token_id", -1);
        EndId = Special("eos_token_id", end);
        UnknownId = Special("unknown_token_id", unknown);
        SeparatorId = Special("seperator_token_id", separator) ?? Special("separator_token_id", -1);
        PadId = Special("padding_token_id", pad);
        MaskId = Special("mask_token_id", mask);
        CollectEnds();
    }

    public GgufMetadata Metadata { get; }

    /// <summary>The family: llama, gpt2, bert, t5, rwkv, …</summary>
    public string Model { get; }

    public string Pre => Metadata.GetString("tokenizer.ggml.pre", "");

    /// <summary>The tokens' texts as the file spells them: [tokens].</summary>
    public byte[][] Texts { get; }

    public float[] Scores { get; }

    public int Count => Texts.Length;

    public ByteStringTable ByText { get; } = new();

    public List<int> IdByEntry { get; } = [];

    public int? BeginId { get; set; }

    public int? EndId { get; }

    public int? EndOfTurnId { get; private set; }

    public int? UnknownId { get; }

    public int? SeparatorId { get; }

    public int? PadId { get; }

    public int? MaskId { get; }

    public ImmutableArray<int> EndOfGenerationIds { get; private set; } = [];

    /// <summary>The id of a text as the file spells it; -1 when there is none.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        var entry = ByText.Find(text);
        return entry < 0 ? -1 : IdByEntry[entry];
    }

    public TokenKind KindOf(int id) => _kinds[id];

    public bool IsEnd(int id) => _ends.Contains(id);

    public string TextOf(int id) => Encoding.UTF8.GetString(Texts[id]);

    private static T[]? Optional<T>(GgufMetadata metadata, string key, Func<string, T[]> read)
    {
        if (!metadata.Contains(key))
        {
            return null;
        }

        var values = read(key);
        var tokens = metadata.Get("tokenizer.ggml.tokens").Count;
        return values.Length == tokens ? values : throw new ModelFormatException($"'{key}' has {values.Length} elements, but 'tokenizer.ggml.tokens' has {tokens}; they must be equal");
    }

    /// <summary>A special id; one outside the vocabulary is ignored, as the reference does.</summary>
    private int? Special(string key, int fallback)
    {
        var id = Metadata.TryGet($"tokenizer.ggml.{key}", out var value) && value.Type != GgufValueType.Array ? value.AsInt64() : fallback;
        return id >= 0 && id < Count ? (int)id : fallback >= 0 && fallback < Count && id != fallback ? fallback : null;
    }

    /// <summary>A token for filling in the middle: what the file names, or else the first of the usual texts.</summary>
    private int? InfillToken(string key, params ReadOnlySpan<string> texts)
    {
        if (Special(key, -1) is { } named)
        {
            return named;
        }

        foreach (var text in texts)
        {
            if (Find(Encoding.UTF8.GetBytes(text)) is var id and >= 0)
            {
                _kinds[id] = TokenKind.Control;
                return id;
            }
        }

        return null;
    }

    private void CollectEnds()
    {
        EndOfTurnId = Special("eot_token_id", -1);
        foreach (var text in EndOfTurnTexts)
        {
            EndOfTurnId ??= Find(Encoding.UTF8.GetBytes(text)) is var id and >= 0 ? id : null;
        }

        foreach (var text in EndTexts)
        {
            if (Find(Encoding.UTF8.GetBytes(text)) is var id and >= 0)
            {
                _ends.Add(id);
                _kinds[id] = TokenKind.Control;
            }
        }

        // gpt-oss: these are part of the text that programs parse.
        foreach (var text in new[] { "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>" })
        {
            if (Find(Encoding.UTF8.GetBytes(text)) is var id and >= 0)
            {
                _kinds[id] = TokenKind.UserDefined;
            }
        }

        foreach (var id in new[]
        {
            EndId, EndOfTurnId, Special("eom_token_id", -1),
            InfillToken("fim_pad_token_id", "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"),
            InfillToken("fim_rep_token_id", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
            InfillToken("fim_sep_token_id", "<|file_sep|>"),
        })
        {
            if (id is { } known)
            {
                _ends.Add(known);
            }
        }

        // Where <|return|> and <|call|> end a turn, <|end|> only ends a message inside it.
        bool Has(string text) => Find(Encoding.UTF8.GetBytes(text)) is var id and >= 0 && _ends.Contains(id);
        if (Has("<|end|>") && ((Has("<|return|>") && (Has("<|call|>") || Has("<|calls|>"))) || ((Has("<|call|>") || Has("<|calls|>")) && Has("<|flush|>"))))
        {
            var id = Find("<|end|>"u8);
            _ends.Remove(id);
            _kinds[id] = TokenKind.UserDefined;
        }

        EndOfGenerationIds = [.. _ends.Order()];
    }
}
