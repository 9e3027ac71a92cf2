using System.Collections.Immutable;
using System.Text.Json;
using Abi.Llm.Sampling;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>Looks at every member of <see cref="ChatOptions"/>: each is honoured, or refused by name.</summary>
internal static class ChatOptionsReader
{
    /// <summary>Makes a request of messages and options.</summary>
    /// <param name="client">The client, for the options' factory.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The options.</param>
    /// <param name="settings">The client's settings.</param>
    /// <param name="modelId">The model's name.</param>
    /// <param name="recommended">What the model samples with where nobody says otherwise.</param>
    /// <param name="template">The template that would be used.</param>
    /// <exception cref="ChatOptionException">A member cannot be honoured; it is named.</exception>
    public static ChatRequest Read(
        IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions? options, AbiChatClientOptions settings, string modelId, SamplingOptions recommended, Func<bool, ChatTemplate> template)
    {
        List<ChatMessage> list = [.. messages];
        if (options is null)
        {
            return new ChatRequest(list, Generation(client, new ChatOptions(), settings, recommended), [], ImmutableDictionary<string, object?>.Empty, true, false);
        }

        RefuseWhatAServerDoes(options);
        if (options.ModelId is { } asked && !string.Equals(asked, modelId, StringComparison.OrdinalIgnoreCase))
        {
            throw Refused(nameof(ChatOptions.ModelId), $"this client answers with the model '{modelId}', not '{asked}'. Leave it unset, or ask the client of that model.");
        }

        var tools = Tools(options);
        var chosen = template(!tools.IsEmpty);
        var generation = Generation(client, options, settings, recommended);
        var variables = ImmutableDictionary<string, object?>.Empty;
        var showsReasoning = ReadReasoning(options.Reasoning, chosen, ref variables);
        generation = AdditionalChatOptions.Apply(options.AdditionalProperties, generation, settings.IgnoreUnknownProperties, ref variables);
        Validate(generation);
        return new ChatRequest(WithInstructions(list, options.Instructions), generation, tools, variables, showsReasoning, options.AllowMultipleToolCalls == false)
        {
            ResponseSchema = ResponseSchema(options.ResponseFormat),
            RequiredTool = RequiredTool(options.ToolMode, tools, chosen),
        };
    }

    private static JsonElement? ResponseSchema(ChatResponseFormat? format)
    {
        switch (format)
        {
            case null or ChatResponseFormatText:
                return null;
            case ChatResponseFormatJson { Schema: { } schema }:
                return schema;
            case ChatResponseFormatJson:
                using (var any = JsonDocument.Parse("""{"type": "object"}"""))
                {
                    return any.RootElement.Clone();
                }

            default:
                throw Refused(nameof(ChatOptions.ResponseFormat), $"a {format.GetType().Name} is not known; text, JSON and JSON of a schema are.");
        }
    }

    /// <summary>The tool that must be called: an empty name for any, null when none has to be.</summary>
    private static string? RequiredTool(ChatToolMode? mode, ImmutableArray<AIFunctionDeclaration> tools, ChatTemplate template)
    {
        if (mode is not RequiredChatToolMode required)
        {
            return null;
        }

        if (tools.IsEmpty || (required.RequiredFunctionName is { } name && !tools.Any(tool => tool.Name == name)))
        {
            throw Refused(nameof(ChatOptions.ToolMode), $"a call of '{required.RequiredFunctionName ?? "a tool"}' is required, but {nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} {(tools.IsEmpty ? "is empty" : "has no such function")}.");
        }

        return ChatConstraint.CanRequire(template.DetectedToolCallFormat)
            ? required.RequiredFunctionName ?? string.Empty
            : throw Refused(nameof(ChatOptions.ToolMode), $"calls in the format {template.DetectedToolCallFormat} cannot be required, since they are not JSON. Use Auto or None.");
    }

    private static void RefuseWhatAServerDoes(ChatOptions options)
    {
        if (options.ConversationId is not null)
        {
            throw Refused(nameof(ChatOptions.ConversationId), "the client keeps no conversations. Send the whole history with every request; what it shares with former requests is not computed again.");
        }

        if (options.AllowBackgroundResponses == true)
        {
            throw Refused(nameof(ChatOptions.AllowBackgroundResponses), "a response is computed inside the call that asks for it. Leave it unset.");
        }

        if (options.ContinuationToken is not null)
        {
            throw Refused(nameof(ChatOptions.ContinuationToken), "responses cannot be taken up again. Leave it unset.");
        }
    }

    private static GenerationOptions Generation(IChatClient client, ChatOptions options, AbiChatClientOptions settings, SamplingOptions recommended)
    {
        var generation = settings.Generation ?? new GenerationOptions();
        if (options.RawRepresentationFactory is { } factory && factory(client) is { } raw)
        {
            generation = raw as GenerationOptions
                ?? throw Refused(nameof(ChatOptions.RawRepresentationFactory), $"it made a {raw.GetType().Name}; this client takes {nameof(GenerationOptions)} (or null).");
        }

        if (options.MaxOutputTokens is < 1)
        {
            throw Refused(nameof(ChatOptions.MaxOutputTokens), $"it is {options.MaxOutputTokens}; it must be 1 or more, or unset for no limit but the context's.");
        }

        if (options.StopSequences?.Any(string.IsNullOrEmpty) == true)
        {
            throw Refused(nameof(ChatOptions.StopSequences), "one of them is empty; an empty text stands everywhere.");
        }

        var sampling = generation.Sampling.Over(recommended);
        return generation with
        {
            MaximumTokens = options.MaxOutputTokens ?? generation.MaximumTokens,
            StopStrings = options.StopSequences is { } stops ? generation.StopStrings.AddRange(stops) : generation.StopStrings,
            Sampling = sampling with
            {
                Temperature = InRange(nameof(ChatOptions.Temperature), options.Temperature, 0, 100) ?? sampling.Temperature,
                TopP = InRange(nameof(ChatOptions.TopP), options.TopP, 0, 1) ?? sampling.TopP,
                TopK = options.TopK is < 0 ? throw Refused(nameof(ChatOptions.TopK), $"it is {options.TopK}; it must be 0 (all tokens) or more.") : options.TopK ?? sampling.TopK,
                FrequencyPenalty = InRange(nameof(ChatOptions.FrequencyPenalty), options.FrequencyPenalty, -100, 100) ?? sampling.FrequencyPenalty,
                PresencePenalty = InRange(nameof(ChatOptions.PresencePenalty), options.PresencePenalty, -100, 100) ?? sampling.PresencePenalty,
                Seed = options.Seed ?? sampling.Seed,
            },
        };
    }

    private static float? InRange(string member, float? value, float least, float most) => value is null || (value >= least && value <= most)
        ? value
        : throw Refused(member, $"it is {value}; it must be between {least} and {most}, or unset.");

    private static ImmutableArray<AIFunctionDeclaration> Tools(ChatOptions options)
    {
        var tools = ImmutableArray.CreateBuilder<AIFunctionDeclaration>();
        foreach (var tool in options.Tools ?? [])
        {
            if (tool is not AIFunctionDeclaration function)
            {
                throw Refused(nameof(ChatOptions.Tools), $"a {tool.GetType().Name} is run by a service; this client takes functions ({nameof(AIFunctionDeclaration)}).");
            }

            if (tools.Any(other => other.Name == function.Name))
            {
                throw Refused(nameof(ChatOptions.Tools), $"two functions are named '{function.Name}'.");
            }

            tools.Add(function);
        }

        return options.ToolMode is NoneChatToolMode ? [] : tools.ToImmutable();
    }

    /// <summary>Sets the template's variables; returns whether reasoning is part of the response.</summary>
    private static bool ReadReasoning(ReasoningOptions? reasoning, ChatTemplate template, ref ImmutableDictionary<string, object?> variables)
    {
        if (reasoning is null)
        {
            return true;
        }

        var can = template.Capabilities;
        if (reasoning.Effort is { } effort)
        {
            if (effort != ReasoningEffort.None && !can.EnableThinking && !can.Thinking && !can.ReasoningEffort)
            {
                throw Refused($"{nameof(ChatOptions.Reasoning)}.{nameof(ReasoningOptions.Effort)}", "the model's chat template has no switch for reasoning. Leave it unset.");
            }

            if (effort == ReasoningEffort.None && can.ReasoningEffort && !can.EnableThinking && !can.Thinking)
            {
                throw Refused($"{nameof(ChatOptions.Reasoning)}.{nameof(ReasoningOptions.Effort)}", "the model's chat template cannot turn reasoning off; Low is the least.");
            }

            variables = can.EnableThinking ? variables.SetItem("enable_thinking", effort != ReasoningEffort.None) : variables;
            variables = can.Thinking ? variables.SetItem("thinking", effort != ReasoningEffort.None) : variables;
            variables = can.ReasoningEffort && effort != ReasoningEffort.None
                ? variables.SetItem("reasoning_effort", effort switch { ReasoningEffort.Low => "low", ReasoningEffort.Medium => "medium", _ => "high" })
                : variables;
        }

        return reasoning.Output switch
        {
            null or ReasoningOutput.Full => true,
            ReasoningOutput.None => false,
            _ => throw Refused($"{nameof(ChatOptions.Reasoning)}.{nameof(ReasoningOptions.Output)}", $"{reasoning.Output} is not available; reasoning is given whole (Full) or not (None)."),
        };
    }

    /// <summary>Instructions come first: templates read a system message at the beginning only.</summary>
    private static List<ChatMessage> WithInstructions(List<ChatMessage> messages, string? instructions)
    {
        if (string.IsNullOrEmpty(instructions))
        {
            return messages;
        }

        if (messages.Count > 0 && messages[0].Role == ChatRole.System)
        {
            return [new ChatMessage(ChatRole.System, [new TextContent(instructions + "\n\n"), .. messages[0].Contents]), .. messages.Skip(1)];
        }

        return [new ChatMessage(ChatRole.System, instructions), .. messages];
    }

    private static void Validate(GenerationOptions generation)
    {
        try
        {
            generation.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new ChatOptionException(nameof(ChatOptions), exception.Message);
        }
    }

    internal static ChatOptionException Refused(string member, string message) => new($"{nameof(ChatOptions)}.{member}", message);
}
