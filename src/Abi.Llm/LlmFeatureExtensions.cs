using Abi.Llm;
using Abi.Llm.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Abi;

/// <summary>Adds language models to Abi.</summary>
public static class LlmFeatureExtensions
{
    /// <summary>
    /// Adds a language model: <c>abi.Llm</c> generates with it, and <see cref="LlmFeature"/> and <see cref="LanguageModel"/> can be injected. The model is loaded when the
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
