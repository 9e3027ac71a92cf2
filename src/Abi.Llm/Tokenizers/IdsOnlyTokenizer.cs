using Abi.Llm.Gguf;

namespace Abi.Llm.Tokenizers;

/// <summary>The tokenizer of a model that has none: ids go in and out, no text.</summary>
internal sealed class IdsOnlyTokenizer(GgufMetadata metadata) : Tokenizer(Vocabulary.OfIds(metadata), addsBegin: false, addsEnd: false)
{
    private protected override int? FirstId => null;

    private protected override int? LastId => null;

    private protected override ReadOnlySpan<byte> Bytes(int id) => [];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids) =>
        throw new UnsupportedModelException("The model has no tokenizer ('tokenizer.ggml.model' is 'none'), so it takes no text. Give it ids.");
}
