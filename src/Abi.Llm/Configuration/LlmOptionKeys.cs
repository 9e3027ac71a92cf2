using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Microsoft.Extensions.Configuration;
using static Abi.Llm.Configuration.OptionValue;

namespace Abi.Llm.Configuration;

/// <summary>The keys of the section <c>Abi:Llm</c>: how each is read, and what it must be. Written out, so that nothing is left to reflection and an unknown key is an error.</summary>
internal static class LlmOptionKeys
{
    private const string SamplingKey = nameof(LlmOptions.Sampling);
    private const int Most = 1 << 24; // far above any model's context, so that a slip is an error and not an allocation

    /// <summary>The keys, but for <c>Sampling</c>, whose own keys are those of <see cref="SamplingOptionKeys"/>.</summary>
    internal static IReadOnlyDictionary<string, Action<IConfigurationSection, LlmOptions>> Keys { get; } = new Dictionary<string, Action<IConfigurationSection, LlmOptions>>(StringComparer.OrdinalIgnoreCase)
    {
        [nameof(LlmOptions.Model)] = static (section, options) => options.Model = Text(section),
        [nameof(LlmOptions.ModelFolder)] = static (section, options) => options.ModelFolder = Text(section),
        [nameof(LlmOptions.ContextLength)] = static (section, options) => options.ContextLength = Number<int>(section),
        [nameof(LlmOptions.CacheTokens)] = static (section, options) => options.CacheTokens = Number<int>(section),
        [nameof(LlmOptions.CacheType)] = static (section, options) => options.CacheType = Choice<TensorType>(section),
        [nameof(LlmOptions.ValueCacheType)] = static (section, options) => options.ValueCacheType = Choice<TensorType>(section),
        [nameof(LlmOptions.Activations)] = static (section, options) => options.Activations = Choice<ActivationPrecision>(section),
        [nameof(LlmOptions.Repack)] = static (section, options) => options.Repack = Choice<RepackMode>(section),
        [nameof(LlmOptions.Prefetch)] = static (section, options) => options.Prefetch = Flag(section),
        [nameof(LlmOptions.MaximumSequences)] = static (section, options) => options.MaximumSequences = Number<int>(section),
        [nameof(LlmOptions.MaximumRows)] = static (section, options) => options.MaximumRows = Number<int>(section),
        [nameof(LlmOptions.MaximumPromptRowsBesideDecode)] = static (section, options) => options.MaximumPromptRowsBesideDecode = Number<int>(section),
        [nameof(LlmOptions.ReusePrefixes)] = static (section, options) => options.ReusePrefixes = Flag(section),
        [nameof(LlmOptions.MaximumTokens)] = static (section, options) => options.MaximumTokens = Number<int>(section),
        [nameof(LlmOptions.ChatTemplate)] = static (section, options) => options.ChatTemplate = Text(section),
        [nameof(LlmOptions.ContextFull)] = static (section, options) => options.ContextFull = Choice<ContextFullPolicy>(section),
    };

    /// <summary>Sets the options that the section gives.</summary>
    /// <exception cref="InvalidOperationException">A key is unknown or a value cannot be read; the message names the key.</exception>
    internal static void Bind(IConfigurationSection section, LlmOptions options)
    {
        foreach (var child in section.GetChildren())
        {
            if (child.Key.Equals(SamplingKey, StringComparison.OrdinalIgnoreCase))
            {
                options.Sampling = SamplingOptionKeys.Bind(child, options.Sampling);
            }
            else if (Keys.TryGetValue(child.Key, out var read))
            {
                read(child, options);
            }
            else
            {
                throw Unknown(child, Keys.Keys.Append(SamplingKey));
            }
        }
    }

    /// <summary>Records what is wrong, by key.</summary>
    internal static void Check(LlmOptions options, OptionsCheck check)
    {
        check.Require(!string.IsNullOrWhiteSpace(options.Model), nameof(options.Model), null, "the path of a GGUF file, or the name of a model that a package brings ('stories' of Abi.Models.Stories),");
        check.Require(options.ModelFolder is null || Directory.Exists(options.ModelFolder), nameof(options.ModelFolder), options.ModelFolder, "a folder that exists");
        Within(options.ContextLength, nameof(options.ContextLength), 1);
        Within(options.CacheTokens, nameof(options.CacheTokens), 1);
        Within(options.MaximumTokens, nameof(options.MaximumTokens), 0);
        check.InRange(options.MaximumSequences, 1, 4096);
        check.InRange(options.MaximumRows, 1, 65536);
        check.InRange(options.MaximumPromptRowsBesideDecode, 1, 65536);
        CacheFormat(options.CacheType, nameof(options.CacheType));
        CacheFormat(options.ValueCacheType, nameof(options.ValueCacheType));
        check.Defined(options.Activations);
        check.Defined(options.Repack);
        check.Defined(options.ContextFull);
        if (options.Sampling is null)
        {
            check.Require(false, SamplingKey, null, "sampling options");
            return;
        }

        SamplingOptionKeys.Check(options.Sampling, check, SamplingKey);

        void CacheFormat(TensorType? type, string property) =>
            check.Require(type is null || StateOptions.CacheTypes.Contains(type.Value), property, type, string.Join(", ", StateOptions.CacheTypes.SkipLast(1)) + $" or {StateOptions.CacheTypes[^1]}");

        void Within(int? value, string key, int least) => check.Require(value is null || (value >= least && value <= Most), key, value, $"a number from {least} to {Most}");
    }
}
