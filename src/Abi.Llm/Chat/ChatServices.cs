using Abi.Llm.Hosting;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Abi.Llm.Chat;

/// <summary>Registers a model's chat client and embedding generator under the interfaces of Microsoft.Extensions.AI. What a program registered itself stays.</summary>
internal static class ChatServices
{
    /// <summary>Registers those of the feature.</summary>
    public static void Add(IServiceCollection services)
    {
        services.TryAddSingleton(static services => ChatClient(services.GetRequiredService<LlmFeature>()));
        services.TryAddSingleton<IChatClient>(static services => services.GetRequiredService<AbiChatClient>());
        services.TryAddSingleton(static services => EmbeddingGenerator(services.GetRequiredService<LlmFeature>()));
        services.TryAddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(static services => services.GetRequiredService<AbiEmbeddingGenerator>());
    }

    /// <summary>Registers those of a further model under a key.</summary>
    public static void AddKeyed(IServiceCollection services, object key)
    {
        services.TryAddKeyedSingleton(key, static (services, key) => services.GetRequiredKeyedService<LlmFeature>(key).LoadForInjection());
        services.TryAddKeyedSingleton(key, static (services, key) => ChatClient(services.GetRequiredKeyedService<LlmFeature>(key)));
        services.TryAddKeyedSingleton<IChatClient>(key, static (services, key) => HostOf(services, key)?.GetChatClient((string)key!) ?? services.GetRequiredKeyedService<AbiChatClient>(key));
        services.TryAddKeyedSingleton(key, static (services, key) => EmbeddingGenerator(services.GetRequiredKeyedService<LlmFeature>(key)));
        services.TryAddKeyedSingleton<IEmbeddingGenerator<string, Embedding<float>>>(
            key, static (services, key) => HostOf(services, key)?.GetEmbeddingGenerator((string)key!) ?? services.GetRequiredKeyedService<AbiEmbeddingGenerator>(key));
    }

    /// <summary>Registers those of a host of models: without a key, and under every name that leads to one of its models.</summary>
    public static void AddHosted(IServiceCollection services)
    {
        services.TryAddSingleton(static services => services.GetRequiredService<ModelHost>().GetChatClient());
        services.TryAddSingleton(static services => services.GetRequiredService<ModelHost>().GetEmbeddingGenerator());
        services.TryAddKeyedSingleton(KeyedService.AnyKey, static (services, key) => services.GetRequiredService<ModelHost>().GetChatClient(NameOf(key)));
        services.TryAddKeyedSingleton(KeyedService.AnyKey, static (services, key) => services.GetRequiredService<ModelHost>().GetEmbeddingGenerator(NameOf(key)));
    }

    /// <summary>The host that a keyed model belongs to, or null.</summary>
    public static ModelHost? HostOf(IServiceProvider services, object? key)
    {
        if (key is not string || services.GetService<IServiceProviderIsService>()?.IsService(typeof(ModelHost)) != true)
        {
            return null;
        }

        try
        {
            return services.GetService<ModelHost>();
        }
        catch (FeatureDisabledException)
        {
            return null; // turned off: the model is its own
        }
    }

    private static string NameOf(object? key) => key as string ?? throw new InvalidOperationException($"The key of a hosted model is its name, a text; '{key}' is a {key?.GetType().Name}.");

    private static AbiChatClient ChatClient(LlmFeature feature)
    {
        var model = feature.LoadForInjection();
        var options = feature.ChatOptions;
        return new AbiChatClient(feature.LoadForInjection, model, options with { OwnsModel = false, Generation = options.Generation ?? feature.Defaults });
    }

    private static AbiEmbeddingGenerator EmbeddingGenerator(LlmFeature feature) => new(feature.LoadForInjection, feature.LoadForInjection(), feature.EmbeddingOptions with { OwnsModel = false });
}
