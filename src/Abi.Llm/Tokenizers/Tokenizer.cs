using System.Buffers;
using System.Text;
using Abi.Llm.Gguf;

namespace Abi.Llm.Tokenizers;

/// <summary>Turns text into a model's token ids and back, exactly as the model was trained with.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class Tokenizer
{
    private readonly SpecialTokens _specials;

    private protected Tokenizer(Vocabulary vocabulary, bool addsBegin, bool addsEnd, bool addsSeparator = false, bool alwaysAddsBegin = false)
    {
        Vocabulary = vocabulary;
        AddsBegin = vocabulary.Metadata.GetBoolean("tokenizer.ggml.add_bos_token", addsBegin) || alwaysAddsBegin;
        AddsEnd = vocabulary.Metadata.GetBoolean("tokenizer.ggml.add_eos_token", addsEnd);
        AddsSeparator = vocabulary.Metadata.GetBoolean("tokenizer.ggml.add_sep_token", addsSeparator);
        var (left, right) = Stripping(vocabulary);
        _specials = new SpecialTokens(vocabulary, left, right);
    }

    /// <summary>The number of tokens.</summary>
    public int VocabularySize => Vocabulary.Count;

    /// <summary>The token that begins a text, if the model has one.</summary>
    public int? BeginId => Vocabulary.BeginId;

    /// <summary>The token that ends a text.</summary>
    public int? EndId => Vocabulary.EndId;

    /// <summary>The token that ends a turn of a conversation.</summary>
    public int? EndOfTurnId => Vocabulary.EndOfTurnId;

    /// <summary>The token that separates two texts.</summary>
    public int? SeparatorId => Vocabulary.SeparatorId;

    /// <summary>The token that stands for a masked word.</summary>
    public int? MaskId => Vocabulary.MaskId;

    /// <summary>The token that fills up batches.</summary>
    public int? PadId => Vocabulary.PadId;

    /// <summary>The token for text that cannot be spelt.</summary>
    public int? UnknownId => Vocabulary.UnknownId;

    /// <summary>Whether the model asks for <see cref="BeginId"/> in front.</summary>
    public bool AddsBegin { get; }

    /// <summary>Whether the model asks for <see cref="EndId"/> behind.</summary>
    public bool AddsEnd { get; }

    /// <summary>Whether the model puts <see cref="SeparatorId"/> between texts of a pair.</summary>
    public bool AddsSeparator { get; }

    /// <summary>The tokens that end a generation, ascending: end of text, end of turn, and the like.</summary>
    public IReadOnlyList<int> EndOfGenerationIds => Vocabulary.EndOfGenerationIds;

    /// <summary>Whether encoding puts a space in front of a text, which decoding takes off again.</summary>
    internal virtual bool DropsFirstSpace => false;

    /// <summary>Whether llama.cpp tidies spaces before punctuation away when it decodes text of this model.</summary>
    internal virtual bool TidiesSpaces => false;

    internal Vocabulary Vocabulary { get; }

    /// <summary>Whether special ids are put around a text (<see cref="AddsBegin"/> and what the family adds).</summary>
    private protected virtual int? FirstId => AddsBegin ? BeginId : null;

    private protected virtual int? LastId => AddsEnd ? EndId : null;

    /// <summary>Makes the tokenizer of a model.</summary>
    /// <exception cref="ModelFormatException">The metadata is broken.</exception>
    /// <exception cref="UnsupportedModelException">The tokenizer's family or pre-tokenizer is not supported.</exception>
    public static Tokenizer FromMetadata(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        var model = metadata.GetString("tokenizer.ggml.model");
        return model switch
        {
            "llama" => new SentencePieceTokenizer(new(metadata)),
            "gpt2" => new BytePairTokenizer(new(metadata), PreTokenizer.Of(metadata.GetString("tokenizer.ggml.pre", ""))),
            "gemma4" => new BytePairTokenizer(new(metadata), PreTokenizer.Of("gemma4")),
            "hybriddna" => new HybridDnaTokenizer(new(metadata)),
            "whitespace" => new WhitespaceTokenizer(new(metadata)),
            "bert" => new WordPieceTokenizer(new(metadata)),
            "t5" => new UnigramTokenizer(new(metadata)),
            "rwkv" => new RwkvTokenizer(new(metadata)),
            "plamo2" => new PlamoTokenizer(new(metadata), isThird: false),
            "plamo3" => new PlamoTokenizer(new(metadata), isThird: true),
            "none" or "no_vocab" => new IdsOnlyTokenizer(metadata),
            _ => throw new UnsupportedModelException(
                $"The tokenizer '{model}' ('tokenizer.ggml.model') is not supported. Supported are: bert, gemma4, gpt2, hybriddna, llama, none, plamo2, plamo3, rwkv, t5, whitespace."),
        };
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">The text; unpaired surrogates become U+FFFD.</param>
    /// <param name="addSpecial">Whether to add the begin and end tokens that the model asks for.</param>
    /// <param name="parseSpecial">Whether the texts of control tokens become those tokens. Leave it off for text that you do not trust.</param>
    public int[] Encode(ReadOnlySpan<char> text, bool addSpecial = true, bool parseSpecial = false)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            return Encode(buffer.AsSpan(0, Encoding.UTF8.GetBytes(text, buffer)), addSpecial, parseSpecial);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The ids of a text in UTF-8; bytes that are not UTF-8 are treated as the model's family treats them.</summary>
    public int[] Encode(ReadOnlySpan<byte> utf8, bool addSpecial = true, bool parseSpecial = false)
    {
        List<int> ids = [];
        Encode(utf8, ids, addSpecial, parseSpecial);
        return [.. ids];
    }

    /// <summary>Appends the ids of a text in UTF-8 to a list.</summary>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool addSpecial, bool parseSpecial) => Encode(utf8, ids, addSpecial, parseSpecial, default);

    /// <summary>Appends the ids of a text in UTF-8 to a list.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <param name="addSpecial">Whether to add the begin and end tokens that the model asks for.</param>
    /// <param name="parseSpecial">Whether the texts of control tokens become those tokens.</param>
    /// <param name="guarded">Bytes, ascending, that no token which steers the model may cover: text of others inside a text that is trusted.</param>
    internal void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool addSpecial, bool parseSpecial, ReadOnlySpan<int> guarded)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (addSpecial && FirstId is { } first)
        {
            ids.Add(first);
        }

        if (!utf8.IsEmpty)
        {
            var followsSpecial = true;
            List<(int, int, int)> parts = [];
            _specials.Split(utf8, parseSpecial, guarded, parts);
            foreach (var (start, length, id) in parts)
            {
                if (id >= 0)
                {
                    ids.Add(id);
                    followsSpecial = true;
                }
                else
                {
                    EncodeText(utf8.Slice(start, length), followsSpecial, ids);
                    followsSpecial = false;
                }
            }
        }

        if (addSpecial && LastId is { } last)
        {
            ids.Add(last);
        }
    }

    /// <summary>How many ids a text has; makes no array of them.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{char}, bool, bool)"/>
    public int CountTokens(ReadOnlySpan<char> text, bool addSpecial = true, bool parseSpecial = false)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            return CountTokens(buffer.AsSpan(0, Encoding.UTF8.GetBytes(text, buffer)), addSpecial, parseSpecial);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>How many ids a text in UTF-8 has; makes no array of them.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{byte}, bool, bool)"/>
    public int CountTokens(ReadOnlySpan<byte> utf8, bool addSpecial = true, bool parseSpecial = false)
    {
        var ids = EncodingScratch.RentIds();
        try
        {
            Encode(utf8, ids, addSpecial, parseSpecial);
            return ids.Count;
        }
        finally
        {
            EncodingScratch.ReturnIds(ids);
        }
    }

    /// <summary>The text of ids, with U+FFFD where their bytes are not UTF-8, without the space that encoding puts in front of a text where the model asks for one.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="removeSpecial">Whether control tokens are left out; otherwise their texts are part of the result.</param>
    /// <param name="tidySpaces">
    /// Whether spaces before punctuation and contractions are taken away too, where llama.cpp does so for the model: " ?" becomes "?", " 's" becomes "'s". Then text does not come back exactly.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool removeSpecial = false, bool tidySpaces = false)
    {
        var bytes = new ArrayBufferWriter<byte>();
        DecodeBytes(ids, bytes, removeSpecial);
        var text = bytes.WrittenSpan;
        text = DropsFirstSpace && !text.IsEmpty && text[0] == (byte)' ' ? text[1..] : text;
        return Encoding.UTF8.GetString(tidySpaces && TidiesSpaces ? SpaceTidying.Tidy(text) : text);
    }

    /// <summary>Writes the bytes of ids, joined and nothing else: they need not be UTF-8, and a space that encoding put in front stays.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="target">Receives the bytes.</param>
    /// <param name="removeSpecial">Whether control tokens are left out; otherwise their texts are part of the result.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public void DecodeBytes(ReadOnlySpan<int> ids, IBufferWriter<byte> target, bool removeSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(target);
        foreach (var id in ids)
        {
            target.Write(TokenBytes(id, special: !removeSpecial));
        }
    }

    /// <summary>The bytes that a token adds to a text; they need not be whole characters.</summary>
    /// <param name="id">The token.</param>
    /// <param name="special">Whether a control token gives its text; otherwise it gives nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public ReadOnlySpan<byte> TokenBytes(int id, bool special = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        return special || Vocabulary.KindOf(id) is not (TokenKind.Control or TokenKind.Unknown) ? Bytes(id) : default;
    }

    /// <summary>What a token is.</summary>
    public TokenKind KindOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        return Vocabulary.KindOf(id);
    }

    /// <summary>Whether a token ends a generation.</summary>
    public bool IsEndOfGeneration(int id) => Vocabulary.IsEnd(id);

    /// <summary>Ids of a run of text without special tokens in it.</summary>
    /// <param name="utf8">The run, not empty.</param>
    /// <param name="followsSpecial">Whether it begins the text or follows a special token.</param>
    /// <param name="ids">Receives the ids.</param>
    private protected abstract void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids);

    /// <summary>A token's bytes as text, whatever its kind.</summary>
    private protected abstract ReadOnlySpan<byte> Bytes(int id);

    /// <summary>Tokens that swallow the white space beside them; no key says so, so the model's name does, as in llama.cpp.</summary>
    private static (HashSet<int> Left, HashSet<int> Right) Stripping(Vocabulary vocabulary)
    {
        var (left, right) = (new HashSet<int>(), new HashSet<int>());
        var name = vocabulary.Metadata.GetString("general.name", "").ToLowerInvariant();
        var architecture = vocabulary.Metadata.GetString("general.architecture", "");
        if (vocabulary.Pre is "jina-v2-de" or "jina-v2-es" or "jina-v2-code" or "mmbert" || architecture is "nomic-bert-moe" or "jina-bert-v3")
        {
            Add(left, "<mask>"u8);
        }
        else if (name.Contains("phi-3", StringComparison.Ordinal) || name.Contains("phi3", StringComparison.Ordinal))
        {
            for (var id = 0; id < vocabulary.Count; id++)
            {
                if (vocabulary.KindOf(id) is TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown)
                {
                    right.Add(id);
                }
            }

            Add(right, "</s>"u8);
            foreach (var text in new[] { "<unk>", "<s>", "<|endoftext|>" })
            {
                right.Remove(vocabulary.Find(Encoding.UTF8.GetBytes(text)));
            }
        }
        else if (name.Contains("modern-bert", StringComparison.Ordinal))
        {
            Add(left, "[MASK]"u8);
        }

        return (left, right);

        void Add(HashSet<int> set, ReadOnlySpan<byte> text)
        {
            if (vocabulary.Find(text) is var id and >= 0)
            {
                set.Add(id);
            }
        }
    }
}
