using Abi.Llm.Models;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>A loaded model behind a chat client.</summary>
internal sealed class LanguageModelBackend(LanguageModel model, bool ownsModel) : IChatBackend
{
    public Tokenizer Tokenizer => model.Tokenizer;

    public int? ContextLength => model.Definition.Kind == ModelKind.EncoderDecoder ? null : model.ContextLength;

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(ReadOnlyMemory<int> promptIds, GenerationOptions options, CancellationToken cancellationToken) =>
        model.GenerateAsync(promptIds, options, cancellationToken);

    public object? GetService(Type type) => type.IsInstanceOfType(model) ? model : type.IsInstanceOfType(model.Tokenizer) ? model.Tokenizer : null;

    public void Dispose()
    {
        if (ownsModel)
        {
            model.Dispose();
        }
    }
}
