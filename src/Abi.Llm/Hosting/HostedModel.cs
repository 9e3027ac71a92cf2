using Abi.Llm.Chat;
using Abi.Llm.Configuration;

namespace Abi.Llm.Hosting;

/// <summary>A model of a host: its options, and what there is of it. Everything that changes is read and written under the host's lock.</summary>
internal sealed class HostedModel(string name, HostedModelOptions options)
{
    private AbiChatClient? _chat;
    private AbiEmbeddingGenerator? _embeddings;

    public string Name => name;

    public HostedModelOptions Options => options;

    /// <summary>What a request does that says nothing.</summary>
    public GenerationOptions Defaults { get; } = ModelLoading.Defaults(options.Llm);

    /// <summary>Requests that hold it or wait for it to load: while there are any it is not unloaded.</summary>
    public int Users { get; set; }

    /// <summary>Requests that wait for a place among the users, first come first served. A result hands the place over.</summary>
    public LinkedList<TaskCompletionSource> Waiting { get; } = [];

    /// <summary>The load, whose end is shared by all who want the model; null when it is not in memory.</summary>
    public Task<LanguageModel>? Loading { get; set; }

    public CancellationTokenSource? LoadCancellation { get; set; }

    /// <summary>The end of its last stay in memory while that is under way.</summary>
    public Task? Unloading { get; set; }

    /// <summary>What it takes of the budget now; null when it is not in memory.</summary>
    public ModelFootprint? Footprint { get; set; }

    /// <summary>The bytes that it takes now, files that it shares with others among them.</summary>
    public long Bytes => Footprint?.TotalBytes ?? 0;

    /// <summary>What it took when it was last loaded; null before.</summary>
    public ModelFootprint? KnownFootprint { get; set; }

    public int Loads { get; set; }

    /// <summary>When it was last let go of (the host's clock); null before the first time.</summary>
    public DateTimeOffset? LastUsed { get; set; }

    /// <summary>The same as a number that only grows: two that were let go of at the same tick have an order.</summary>
    public long LastUse { get; set; }

    public LanguageModel? Model => Loading is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;

    public HostedModelState State =>
        Unloading is not null ? HostedModelState.Unloading
        : Loading is null ? HostedModelState.Unloaded
        : Loading.IsCompletedSuccessfully ? HostedModelState.Loaded
        : HostedModelState.Loading;

    /// <summary>The loaded model as a chat client; made once for each stay in memory.</summary>
    public AbiChatClient Chat(LanguageModel model)
    {
        var client = Volatile.Read(ref _chat);
        if (client is null || client.GetService(typeof(LanguageModel)) != model)
        {
            var chat = ModelLoading.Chat(options.Llm, () => model);
            client = new AbiChatClient(model, chat with { OwnsModel = false, ModelId = chat.ModelId ?? name, Generation = chat.Generation ?? Defaults });
            Volatile.Write(ref _chat, client);
        }

        return client;
    }

    /// <summary>The loaded model as a generator of embeddings; made once for each stay in memory.</summary>
    public AbiEmbeddingGenerator Embeddings(LanguageModel model)
    {
        var generator = Volatile.Read(ref _embeddings);
        if (generator is null || generator.GetService(typeof(LanguageModel)) != model)
        {
            var embeddings = options.Llm.Embeddings;
            generator = new AbiEmbeddingGenerator(model, embeddings with { OwnsModel = false, ModelId = embeddings.ModelId ?? name });
            Volatile.Write(ref _embeddings, generator);
        }

        return generator;
    }

    /// <summary>Forgets what was made of a model that goes.</summary>
    public void Forget()
    {
        Volatile.Write(ref _chat, null);
        Volatile.Write(ref _embeddings, null);
    }
}
