using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
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
        [nameof(LlmOptions.Threads)] = static (section, options) => options.Threads = Number<int>(section),
        [nameof(LlmOptions.MaximumSequences)] = static (section, options) => options.MaximumSequences = Number<int>(section),
        [nameof(LlmOptions.MaximumRows)] = static (section, options) => options.MaximumRows = Number<int>(section),
        [nameof(LlmOptions.MaximumPromptRowsBesideDecode)] = static (section, options) => options.MaximumPromptRowsBesideDecode = Number<int>(section),
        [nameof(LlmOptions.ReusePrefixes)] = static (section, options) => options.ReusePrefixes = Flag(section),
        [nameof(LlmOptions.CheckpointInterval)] = static (section, options) => options.CheckpointInterval = Number<int>(section),
        [nameof(LlmOptions.QueueLimit)] = static (section, options) => options.QueueLimit = Number<int>(section),
        [nameof(LlmOptions.TimeLimit)] = static (section, options) => options.TimeLimit = Duration(section),
        [nameof(LlmOptions.TokenLimit)] = static (section, options) => options.TokenLimit = Number<int>(section),
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
            BindKey(child, options, []);
        }
    }

    /// <summary>Sets the option that a key names.</summary>
    /// <param name="section">The key.</param>
    /// <param name="options">The options.</param>
    /// <param name="others">Keys that somebody else reads, for the message.</param>
    /// <exception cref="InvalidOperationException">The key is unknown or its value cannot be read; the message names the key.</exception>
    internal static void BindKey(IConfigurationSection section, LlmOptions options, IEnumerable<string> others)
    {
        if (section.Key.Equals(SamplingKey, StringComparison.OrdinalIgnoreCase))
        {
            options.Sampling = SamplingOptionKeys.Bind(section, options.Sampling);
        }
        else if (Keys.TryGetValue(section.Key, out var read))
        {
            read(section, options);
        }
        else
        {
            throw Unknown(section, Keys.Keys.Append(SamplingKey).Concat(others));
        }
    }

    /// <summary>Records what is wrong, by key.</summary>
    /// <param name="options">The options.</param>
    /// <param name="check">Where to record it.</param>
    /// <param name="prefix">What stands before the keys.</param>
    internal static void Check(LlmOptions options, OptionsCheck check, string prefix = "")
    {
        check.Require(!string.IsNullOrWhiteSpace(options.Model), prefix + nameof(options.Model), null, "the path of a GGUF file, or the name of a model that a package brings ('stories' of Abi.Models.Stories),");
        check.Require(options.ModelFolder is null || Directory.Exists(options.ModelFolder), prefix + nameof(options.ModelFolder), options.ModelFolder, "a folder that exists");
        Within(options.ContextLength, nameof(options.ContextLength), 1);
        Within(options.CacheTokens, nameof(options.CacheTokens), 1);
        Within(options.MaximumTokens, nameof(options.MaximumTokens), 0);
        Within(options.QueueLimit, nameof(options.QueueLimit), 0);
        Within(options.TokenLimit, nameof(options.TokenLimit), 1);
        check.Require(
            options.TimeLimit is not { } limit || (limit > TimeSpan.Zero && limit <= EngineOptions.LongestTimeLimit), prefix + nameof(options.TimeLimit), options.TimeLimit, $"a time above 0 and up to {EngineOptions.LongestTimeLimit.Days} days");
        check.Require(options.Threads is null or (>= 1 and <= ModelLoadOptions.MaximumThreads), prefix + nameof(options.Threads), options.Threads, $"a number from 1 to {ModelLoadOptions.MaximumThreads}");
        check.Require(options.Threads is null || options.Device is null, prefix + nameof(options.Threads), options.Threads, "no number of threads beside a device, which has its own,");
        Within(options.MaximumSequences, nameof(options.MaximumSequences), 1, 4096);
        Within(options.MaximumRows, nameof(options.MaximumRows), 1, 65536);
        Within(options.MaximumPromptRowsBesideDecode, nameof(options.MaximumPromptRowsBesideDecode), 1, 65536);
        Within(options.CheckpointInterval, nameof(options.CheckpointInterval), 1);
        CacheFormat(options.CacheType, nameof(options.CacheType));
        CacheFormat(options.ValueCacheType, nameof(options.ValueCacheType));
        Defined(options.Activations, nameof(options.Activations));
        Defined(options.Repack, nameof(options.Repack));
        Defined(options.ContextFull, nameof(options.ContextFull));
        if (options.Sampling is null)
        {
            check.Require(false, prefix + SamplingKey, null, "sampling options");
            return;
        }

        SamplingOptionKeys.Check(options.Sampling, check, prefix + SamplingKey);

        void Within(int? value, string key, int least, int most = Most) => check.Require(value is null || (value >= least && value <= most), prefix + key, value, $"a number from {least} to {most}");

        void Defined<T>(T value, string key)
            where T : struct, Enum => check.Require(Enum.IsDefined(value), prefix + key, value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

        void CacheFormat(TensorType? type, string key) =>
            check.Require(type is null || StateOptions.CacheTypes.Contains(type.Value), prefix + key, type, string.Join(", ", StateOptions.CacheTypes.SkipLast(1)) + $" or {StateOptions.CacheTypes[^1]}");
    }
}
