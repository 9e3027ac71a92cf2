using Abi.Llm.Chat;

namespace Abi.Llm.Hosting;

/// <summary>A hosted model that a request holds: it stays in memory until this is disposed.</summary>
/// <remarks>Thread-safe. Dispose it when the request is over, or the model is never unloaded.</remarks>
public sealed class ModelLease : IDisposable
{
    private readonly ModelHost _host;
    private readonly HostedModel _hosted;
    private int _isDisposed;

    internal ModelLease(ModelHost host, HostedModel hosted, LanguageModel model)
    {
        _host = host;
        _hosted = hosted;
        Model = model;
    }

    /// <summary>The model's name in the host, which may not be the one that was asked for.</summary>
    public string Name => _hosted.Name;

    /// <summary>The loaded model. It belongs to the host: do not dispose it.</summary>
    public LanguageModel Model { get; }

    /// <summary>What a generation does that is given no options of its own.</summary>
    public GenerationOptions Defaults => _hosted.Defaults;

    /// <summary>The model as a chat client, to be used while it is held.</summary>
    /// <exception cref="ChatTemplateException">The model has no chat template, and its options give none.</exception>
    internal AbiChatClient Chat => _hosted.Chat(Model);

    /// <summary>The model as a generator of embeddings, to be used while it is held.</summary>
    internal AbiEmbeddingGenerator Embeddings => _hosted.Embeddings(Model);

    /// <summary>Lets go of the model; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _host.Release(_hosted);
        }
    }
}
