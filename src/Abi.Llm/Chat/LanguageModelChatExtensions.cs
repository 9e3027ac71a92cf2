using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm;

/// <summary>Models behind the interfaces of Microsoft.Extensions.AI.</summary>
public static class LanguageModelChatExtensions
{
    /// <summary>The model as a chat client, with its own chat template unless the options give one.</summary>
    /// <param name="model">The model; it must outlive the client.</param>
    /// <param name="options">How it is used.</param>
    /// <exception cref="ChatTemplateException">The model has no chat template, and the options give none.</exception>
    public static AbiChatClient AsChatClient(this LanguageModel model, AbiChatClientOptions? options = null) => new(model, options);

    /// <summary>The model as a generator of embeddings, with the pooling that it declares unless the options give another.</summary>
    /// <param name="model">The model; it must outlive the generator.</param>
    /// <param name="options">How it is used.</param>
    public static AbiEmbeddingGenerator AsEmbeddingGenerator(this LanguageModel model, AbiEmbeddingGeneratorOptions? options = null) => new(model, options);

    /// <summary>Has the calls that a client's model makes carried out, and the results given back to it, until it answers.</summary>
    /// <param name="client">The client; disposed with the one that is returned.</param>
    /// <param name="options">The limits.</param>
    public static ToolLoopChatClient WithToolLoop(this IChatClient client, ToolLoopOptions? options = null) => new(client, options);
}
