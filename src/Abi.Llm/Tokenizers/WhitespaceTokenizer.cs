using System.Buffers;

namespace Abi.Llm.Tokenizers;

/// <summary>BPE over words: white space parts them and is dropped; they may be lower-cased first.</summary>
internal sealed class WhitespaceTokenizer(Vocabulary vocabulary) : BytePairTokenizer(vocabulary, PreTokenizer.Of(vocabulary.Pre))
{
    private readonly bool _lowercases = vocabulary.Metadata.GetBoolean("tokenizer.ggml.normalizer.lowercase", vocabulary.Pre != "whitespace");

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        var word = new ArrayBufferWriter<byte>();
        for (var at = 0; at < utf8.Length;)
        {
            var codePoint = CodePoints.Decode(utf8[at..], out var length);
            at += length;
            if (!CharacterClasses.IsWhiteSpace(codePoint))
            {
                word.Advance(CodePoints.Encode(_lowercases ? CodePoints.ToLower(codePoint) : codePoint, word.GetSpan(4)));
            }
            else if (word.WrittenCount > 0)
            {
                base.EncodeText(word.WrittenSpan, followsSpecial, ids);
                word.ResetWrittenCount();
            }
        }

        if (word.WrittenCount > 0)
        {
            base.EncodeText(word.WrittenSpan, followsSpecial, ids);
        }
    }
}
