using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>A loaded model behind a chat client.</summary>
/// <param name="current">The model to use now: a feature that was stopped and started again has another.</param>
/// <param name="ownsModel">Whether it is disposed with the client.</param>
internal sealed class LanguageModelBackend(Func<LanguageModel> current, bool ownsModel) : IChatBackend
{
    public Tokenizer Tokenizer => current().Tokenizer;

    public int? ContextLength => current() is var model && model.Definition.Kind == ModelKind.EncoderDecoder ? null : model.ContextLength;

    public SamplingOptions RecommendedSampling => current().RecommendedSampling;

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(ReadOnlyMemory<int> promptIds, GenerationOptions options, CancellationToken cancellationToken) =>
        current().GenerateAsync(promptIds, options, cancellationToken);

    public object? GetService(Type type)
    {
        if (type != typeof(LanguageModel) && type != typeof(Tokenizer))
        {
            return null;
        }

        return type == typeof(Tokenizer) ? current().Tokenizer : current();
    }

    public void Dispose()
    {
        if (ownsModel)
        {
            current().Dispose();
        }
    }
}
