using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Abi;

/// <summary>Adds language models to Abi.</summary>
public static class LlmFeatureExtensions
{
    /// <summary>
    /// Adds a language model: <c>abi.Llm</c> generates with it, and <see cref="LlmFeature"/>, <see cref="LanguageModel"/>, <c>IChatClient</c> and
    /// <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> can be injected. The model is loaded when the
    /// framework starts, or when it is first injected, whichever comes first.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets options, after the section <c>Abi:Llm</c> and the variables <c>ABI_LLM_*</c>.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder AddLlm(this AbiBuilder builder, Action<LlmOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddFeature(
            new FeatureDefinition<LlmFeature, LlmOptions>
            {
                Name = LlmFeature.FeatureName,
                StartsAfter = ["Gpu"],
                Create = static (services, options) => new LlmFeature(services, options),
                Bind = static (section, options) => LlmOptionKeys.Bind(section, options),
                Validate = static (options, check) => LlmOptionKeys.Check(options, check),
            },
            configure);
        builder.Services.TryAddSingleton(static services => services.GetRequiredService<LlmFeature>().LoadForInjection());
        ChatServices.Add(builder.Services);
        return builder;
    }

    /// <summary>
    /// Adds a further language model under a key: <see cref="LanguageModel"/>, <c>IChatClient</c> and <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> can be injected with it
    /// (<c>[FromKeyedServices(key)]</c>). The model is loaded when one of them is first injected and unloaded with the container; it is no feature of its own, and takes its options from code only. Beside
    /// <see cref="ModelHostExtensions.AddModelHost"/>, a model whose key is a text belongs to the host: its clients hold it while a request runs, so it may be unloaded between; an injected
    /// <see cref="LanguageModel"/> is held as long as the container lives.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="key">The key.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder AddKeyedLlm(this AbiBuilder builder, object key, Action<LlmOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(configure);
        if (!builder.Services.Any(service => service.ServiceType == typeof(LlmFeature) && Equals(service.ServiceKey, key)))
        {
            var model = new KeyedModel(key, configure);
            builder.Services.AddSingleton(model);
            builder.Services.AddKeyedSingleton(key, (services, key) => new LlmFeature(services, model.Options) { Host = ChatServices.HostOf(services, key), HostedName = key as string });
        }

        ChatServices.AddKeyed(builder.Services, key);
        return builder;
    }

    extension(AbiFramework abi)
    {
        /// <summary>The language model.</summary>
        /// <exception cref="FeatureDisabledException">The feature was not added, is off, or was compiled out.</exception>
        public LlmFeature Llm
        {
            get
            {
                ArgumentNullException.ThrowIfNull(abi);
                return abi.GetFeature<LlmFeature>(LlmFeature.FeatureName);
            }
        }
    }
}
