using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Abi.Llm.Gguf;

namespace Abi.Llm.Tokenizers;

/// <summary>The tokens of a model and what its file says of them, checked.</summary>
internal sealed class Vocabulary
{
    /// <summary>Texts that end a generation whatever the file says, as llama.cpp collects them, and FunctionGemma's mark behind its calls.</summary>
    private static readonly HashSet<string> EndTexts = new(
        [
            "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>",
            "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[", "<|ifm|im_end|>", "<start_function_response>",
        ],
        StringComparer.Ordinal);

    private static readonly string[] EndOfTurnTexts = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>", "<|end_of_text|>"];

    /// <summary>Longer tokens (real ones have at most a few hundred bytes) are not looked for in text, so that a hostile vocabulary cannot make matching quadratic.</summary>
    public const int LongestMatch = 4096;

    private const int LargestIdsOnly = 1 << 22;

    private readonly ByteStrings _texts; // [tokens], as the file spells them
    private readonly float[] _scores; // [tokens], or none
    private readonly TokenKind[] _kinds;
    private readonly HashSet<int> _ends = [];

    public Vocabulary(GgufMetadata metadata)
    {
        Metadata = metadata;
        Model = metadata.GetString("tokenizer.ggml.model");
        var tokens = metadata.Utf8Elements("tokenizer.ggml.tokens");
        if (tokens.Count == 0)
        {
            throw new ModelFormatException("'tokenizer.ggml.tokens' is empty; a vocabulary has at least one token");
        }

        _texts = new ByteStrings(tokens.Count, tokens.Bytes);
        ByText = new ByteStringTable(_texts, tokens.Count);
        foreach (var text in tokens)
        {
            // Ids are looked up by the number of the text, so the two must count alike.
            var id = _texts.Count;
            var entry = ByText.Add(text.IsEmpty ? Encoding.ASCII.GetBytes($"[EMPTY_{id}]") : text);
            if (entry != id)
            {
                throw new ModelFormatException($"'tokenizer.ggml.tokens' holds the token '{Printable(TextOf(entry))}' twice, as {entry} and {id}; a text is one token. Convert the model again");
            }
        }

        _scores = Optional(metadata, "tokenizer.ggml.scores", metadata.GetSingleArray) ?? [];
        var kinds = Optional(metadata, "tokenizer.ggml.token_type", metadata.GetInt32Array);
        _kinds = new TokenKind[Count];
        for (var id = 0; id < Count; id++)
        {
            _kinds[id] = kinds is null ? TokenKind.Normal : kinds[id] is > 0 and <= (int)TokenKind.Byte ? (TokenKind)kinds[id] : TokenKind.Undefined;
        }

        var (begin, end, unknown, separator, pad, mask) = Model switch
        {
            "llama" => (1, 2, 0, -1, -1, -1),
            "bert" => (101, -1, 100, 102, 0, 103),
            "gpt2" => (11, 11, -1, -1, -1, -1),
            "hybriddna" or "whitespace" => (11, 11, -1, -1, -1, -1),
            "t5" => (-1, 1, 2, -1, 0, -1),
            "plamo2" or "plamo3" => (1, 2, 0, -1, 3, -1),
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

    private Vocabulary(GgufMetadata metadata, int size)
    {
        Metadata = metadata;
        Model = "none";
        _texts = new ByteStrings(size, bytes: 0);
        ByText = new ByteStringTable(_texts);
        for (var id = 0; id < size; id++)
        {
            _ = _texts.Add([]);
        }

        _scores = [];
        _kinds = new TokenKind[size];
    }

    public GgufMetadata Metadata { get; }

    /// <summary>The family: llama, gpt2, bert, t5, rwkv, …</summary>
    public string Model { get; }

    public string Pre => Metadata.GetString("tokenizer.ggml.pre", "");

    public int Count => _texts.Count;

    public int? BeginId { get; set; }

    public int? EndId { get; }

    public int? EndOfTurnId { get; private set; }

    public int? UnknownId { get; }

    public int? SeparatorId { get; }

    public int? PadId { get; }

    public int? MaskId { get; }

    public ImmutableArray<int> EndOfGenerationIds { get; private set; } = [];

    /// <summary>The vocabulary of a model without a tokenizer: as many tokens as the file says, and no text.</summary>
    public static Vocabulary OfIds(GgufMetadata metadata)
    {
        var key = $"{metadata.GetString("general.architecture", "")}.vocab_size";
        var size = metadata.GetInt32(key, 0);
        return size is >= 0 and <= LargestIdsOnly
            ? new Vocabulary(metadata, size)
            : throw new ModelFormatException($"'{key}' is {size}; 0 to {LargestIdsOnly} tokens are supported. The file is damaged: download or convert it again");
    }

    /// <summary>The ids by their texts as the file spells them.</summary>
    public ByteStringTable ByText { get; }

    /// <summary>The id of a text as the file spells it; -1 when there is none.</summary>
    public int Find(ReadOnlySpan<byte> text) => ByText.Find(text);

    public TokenKind KindOf(int id) => _kinds[id];

    /// <summary>A token's text as the file spells it.</summary>
    public ReadOnlySpan<byte> TextOf(int id) => _texts[id];

    /// <summary>A token's score; 0 where the file has none.</summary>
    public float ScoreOf(int id) => _scores.Length == 0 ? 0 : _scores[id];

    public bool IsEnd(int id) => _ends.Contains(id);

    /// <summary>Room for a spelling of each token, and of some more words.</summary>
    public ByteStrings RoomForSpellings(int more = 0) => new(Count + more, _texts.Bytes);

    /// <summary>The bytes of all tokens in the families that write U+2581 for a space and <c>&lt;0xNN&gt;</c> for a byte.</summary>
    public ByteStrings SpellPlain()
    {
        var spellings = RoomForSpellings();
        for (var id = 0; id < Count; id++)
        {
            SpellPlain(id, spellings);
        }

        return spellings;
    }

    /// <summary>Adds the bytes of one such token.</summary>
    public void SpellPlain(int id, ByteStrings target)
    {
        switch (KindOf(id))
        {
            case TokenKind.Byte:
                target.Add([ByteOf(id) ?? (byte)'?']);
                break;
            case TokenKind.Normal:
                target.Add(TextOf(id), Unescape);
                break;
            case TokenKind.Unused or TokenKind.Undefined: // the reference gives such tokens no text
                target.Add([]);
                break;
            default:
                target.Add(TextOf(id));
                break;
        }
    }

    /// <summary>The value of a byte token, spelt <c>&lt;0xNN&gt;</c>; null for anything else.</summary>
    public byte? ByteOf(int id)
    {
        var text = TextOf(id);
        return KindOf(id) == TokenKind.Byte && text.Length == 6 && text.StartsWith("<0x"u8) && text[5] == (byte)'>'
            && byte.TryParse(text.Slice(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static int Unescape(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var mark = "▁"u8;
        var written = 0;
        for (var next = text.IndexOf(mark); next >= 0; next = text.IndexOf(mark))
        {
            text[..next].CopyTo(target[written..]);
            target[written + next] = (byte)' ';
            written += next + 1;
            text = text[(next + mark.Length)..];
        }

        text.CopyTo(target[written..]);
        return written + text.Length;
    }

    /// <summary>A token for a message.</summary>
    public static string Printable(ReadOnlySpan<byte> text)
    {
        var whole = Encoding.UTF8.GetString(text);
        return whole.Length <= 60 ? whole : $"{whole[..60]}…";
    }

    private static T[]? Optional<T>(GgufMetadata metadata, string key, Func<string, T[]> read)
    {
        if (!metadata.Contains(key))
        {
            return null;
        }

        var values = read(key);
        var tokens = metadata.Get("tokenizer.ggml.tokens").Count;
        return values.Length >= tokens
            ? values
            : throw new ModelFormatException($"'{key}' has {values.Length} elements, but 'tokenizer.ggml.tokens' has {tokens}; each token needs one. The file is damaged: download or convert it again");
    }

    /// <summary>A special id; one outside the vocabulary is ignored, as the reference does.</summary>
    private int? Special(string key, int fallback)
    {
        var id = -1L;
        if (Metadata.TryGet($"tokenizer.ggml.{key}", out var value))
        {
            id = value.Type switch
            {
                GgufValueType.Array or GgufValueType.String or GgufValueType.Boolean or GgufValueType.Float32 or GgufValueType.Float64
                    => throw new ModelFormatException($"'tokenizer.ggml.{key}' is of type {value.Type}; a token's number is an integer. Convert the model again"),
                GgufValueType.UInt64 => value.Bytes[7] < 0x80 ? value.AsInt64() : -1,
                _ => value.AsInt64(),
            };
        }

        return id >= 0 && id < Count ? (int)id : fallback >= 0 && fallback < Count ? fallback : null;
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

        // Tokens for filling in the middle are control tokens, whatever the file says.
        _ = InfillToken("fim_pre_token_id", "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>", "<|plamo:fim_prefix|>");
        _ = InfillToken("fim_suf_token_id", "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>", "<|plamo:fim_suffix|>");
        _ = InfillToken("fim_mid_token_id", "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>", "<|plamo:fim_middle|>");

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
            InfillToken("fim_sep_token_id", "<|file_sep|>", "<|plamo:file_separator|>"),
        })
        {
            if (id is { } known)
            {
                _ends.Add(known);
            }
        }

        // A model with <|tool_response>, and PLaMo, does not end at </s>: it is text there.
        if ((Has("<|tool_response>") || Has("<|plamo:eos|>")) && Has("</s>"))
        {
            var id = Find("</s>"u8);
            _ends.Remove(id);
            _kinds[id] = TokenKind.Normal;
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
