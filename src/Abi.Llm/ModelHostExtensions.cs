using Abi.Llm.Chat;
using Abi.Llm.Configuration;
using Abi.Llm.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Abi;

/// <summary>Adds a host of several models to Abi.</summary>
public static class ModelHostExtensions
{
    /// <summary>
    /// Adds a host of models under names: <c>abi.ModelHost</c> gives them out, and <see cref="ModelHost"/>, <c>IChatClient</c> and <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> can be
    /// injected, the latter two also with the name of a model, an alias or what a rule takes as the key. Models of <see cref="LlmFeatureExtensions.AddKeyedLlm"/> whose key is a text belong to the host, too.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets options, after the section <c>Abi:ModelHost</c> and the variables <c>ABI_MODELHOST_*</c>.</param>
    /// <returns>The same builder.</returns>
    public static AbiBuilder AddModelHost(this AbiBuilder builder, Action<ModelHostOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddFeature(
            new FeatureDefinition<ModelHost, ModelHostOptions>
            {
                Name = ModelHost.FeatureName,
                StartsAfter = ["Gpu"],
                Create = static (services, options) => new ModelHost(options, services, services.GetService<ILoggerFactory>(), services.GetService<TimeProvider>()),
                Bind = static (section, options) => ModelHostOptionKeys.Bind(section, options),
                Validate = static (options, check) => ModelHostOptionKeys.Check(options, check),
            },
            configure);
        if (!builder.Services.Any(static service => service.ServiceType == typeof(IPostConfigureOptions<ModelHostOptions>)))
        {
            builder.Services.AddOptions<ModelHostOptions>().PostConfigure<IEnumerable<KeyedModel>>(static (options, models) =>
            {
                foreach (var model in models)
                {
                    if (model.Key is string name)
                    {
                        options.Models.TryAdd(name, new HostedModelOptions { Llm = model.Options });
                    }
                }
            });
        }

        ChatServices.AddHosted(builder.Services);
        return builder;
    }

    extension(AbiFramework abi)
    {
        /// <summary>The host of models.</summary>
        /// <exception cref="FeatureDisabledException">The feature was not added, is off, or was compiled out.</exception>
        public ModelHost ModelHost
        {
            get
            {
                ArgumentNullException.ThrowIfNull(abi);
                return abi.GetFeature<ModelHost>(ModelHost.FeatureName);
            }
        }
    }
}
