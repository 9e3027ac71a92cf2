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
    /// (<c>[FromKeyedServices(key)]</c>). The model is loaded when one of them is first injected and unloaded with the container; it is no feature of its own, and takes its options from code only.
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
        builder.Services.TryAddKeyedSingleton(key, (services, _) =>
        {
            var options = new LlmOptions();
            configure(options);
            return new LlmFeature(services, options);
        });
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
