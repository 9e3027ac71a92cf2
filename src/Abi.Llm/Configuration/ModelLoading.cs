using Abi.Compute.Devices;
using Abi.Llm.Chat;
using Abi.Llm.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Abi.Llm.Configuration;

/// <summary>What a model's options mean when it is loaded and used.</summary>
internal static class ModelLoading
{
    /// <summary>How the model is loaded; what the options leave open comes from the container.</summary>
    internal static ModelLoadOptions Options(LlmOptions options, IServiceProvider? services) => new()
    {
        Device = options.Device ?? (options.Threads is null ? services?.GetService<IDevice>() : null),
        Threads = options.Threads,
        Prefetch = options.Prefetch,
        LoggerFactory = services?.GetService<ILoggerFactory>(),
        Engine = new EngineOptions
        {
            ContextLength = options.ContextLength,
            CacheTokens = options.CacheTokens,
            CacheType = options.CacheType,
            ValueCacheType = options.ValueCacheType,
            Activations = options.Activations,
            Repack = options.Repack,
            MaximumSequences = options.MaximumSequences,
            MaximumRows = options.MaximumRows,
            MaximumPromptRowsBesideDecode = options.MaximumPromptRowsBesideDecode,
            ReusePrefixes = options.ReusePrefixes,
            CheckpointInterval = options.CheckpointInterval,
            QueueLimit = options.QueueLimit,
            TimeLimit = options.TimeLimit,
            TokenLimit = options.TokenLimit,
        },
    };

    /// <summary>What a generation does that says nothing itself.</summary>
    internal static GenerationOptions Defaults(LlmOptions options) => new() { Sampling = options.Sampling, MaximumTokens = options.MaximumTokens, ContextFull = options.ContextFull };

    /// <summary>How the model is used as a chat client, with the template that the options name.</summary>
    /// <exception cref="ChatTemplateException">The template is not valid Jinja.</exception>
    internal static AbiChatClientOptions Chat(LlmOptions options, Func<LanguageModel> model)
    {
        if (options.ChatTemplate is not { Length: > 0 } text)
        {
            return options.Chat;
        }

        var isPath = !text.Contains('{', StringComparison.Ordinal);
        var source = !isPath ? text
            : File.Exists(text) ? File.ReadAllText(text)
            : throw new AbiException($"The chat template '{text}' (option {nameof(LlmOptions.ChatTemplate)}) is no file, and holds no Jinja either. Give the path of a template, or its text.");
        return options.Chat with { Template = ChatTemplate.Parse(source, model().Tokenizer) };
    }
}
