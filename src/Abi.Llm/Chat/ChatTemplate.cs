using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Llm.Chat.Jinja;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>A model's chat template: evaluates the Jinja program that comes with the model, so that a conversation reaches the model exactly as it was trained.</summary>
/// <remarks>
/// Immutable and thread-safe. <see cref="Encode"/> never lets text of a message, a tool or a former answer become a control token: what the template itself writes does, whatever a user writes does not.
/// Text that holds nothing like a control token has the same ids as the rendered text has when it is encoded whole.
/// </remarks>
public sealed class ChatTemplate
{
    /// <summary>The metadata key of a model's template; variants have a name behind it, such as <c>tokenizer.chat_template.tool_use</c>.</summary>
    public const string MetadataKey = "tokenizer.chat_template";

    /// <summary>The most characters of a template: parsing takes time and memory, which nobody can end.</summary>
    private const int MostCharacters = 1 << 20;

    private readonly JinjaTemplate _template;
    private readonly Lazy<ChatTemplateCapabilities> _capabilities;

    private ChatTemplate(string source, string beginText, string endText)
    {
        Source = source;
        BeginText = beginText;
        EndText = endText;
        _template = JinjaTemplate.Parse(source);
        _capabilities = new Lazy<ChatTemplateCapabilities>(() => ChatTemplateProbe.Run(source, beginText, endText));
        DetectedToolCallFormat = ToolCallFormatDetector.Detect(source);
    }

    /// <summary>The Jinja program.</summary>
    public string Source { get; }

    /// <summary>The text of the beginning token, the template's <c>bos_token</c>.</summary>
    public string BeginText { get; }

    /// <summary>The text of the end token, the template's <c>eos_token</c>.</summary>
    public string EndText { get; }

    /// <summary>What the template shows.</summary>
    public ChatTemplateCapabilities Capabilities => _capabilities.Value;

    /// <summary>How the model calls tools; <see cref="Chat.ToolCallFormat.None"/> for templates that know none.</summary>
    public ToolCallFormat ToolCallFormat => Capabilities.Tools ? DetectedToolCallFormat : ToolCallFormat.None;

    /// <summary>The format whose marks the template contains, also when it shows no tools.</summary>
    internal ToolCallFormat DetectedToolCallFormat { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">The Jinja program.</param>
    /// <param name="beginText">The template's <c>bos_token</c>.</param>
    /// <param name="endText">The template's <c>eos_token</c>.</param>
    /// <exception cref="ChatTemplateException">It is not valid Jinja.</exception>
    public static ChatTemplate Parse(string source, string beginText = "", string endText = "")
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(beginText);
        ArgumentNullException.ThrowIfNull(endText);
        if (source.Length > MostCharacters)
        {
            throw new ChatTemplateException($"The chat template has {source.Length} characters; at most {MostCharacters} are allowed.");
        }

        try
        {
            return new ChatTemplate(source, beginText, endText);
        }
        catch (JinjaException exception)
        {
            throw new ChatTemplateException($"The chat template cannot be parsed: {exception.Message}", exception);
        }
    }

    /// <summary>Parses a template for a model that the text does not come from.</summary>
    /// <param name="source">The Jinja program.</param>
    /// <param name="tokenizer">The model's tokenizer; gives the texts of the beginning and end tokens.</param>
    /// <exception cref="ChatTemplateException">It is not valid Jinja.</exception>
    public static ChatTemplate Parse(string source, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Parse(source, TokenText(tokenizer, tokenizer.BeginId), TokenText(tokenizer, tokenizer.EndId));
    }

    /// <summary>The template of a model.</summary>
    /// <param name="metadata">The model's metadata.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="variant">The name of a variant, such as <c>tool_use</c>; unset, the model's main template.</param>
    /// <exception cref="ChatTemplateException">The model has no such template, or it is not valid Jinja.</exception>
    public static ChatTemplate FromMetadata(GgufMetadata metadata, Tokenizer tokenizer, string? variant = null)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var key = variant is null ? MetadataKey : $"{MetadataKey}.{variant}";
        if (!metadata.Contains(key))
        {
            var variants = Variants(metadata);
            var name = metadata.GetString("general.name", null) is { Length: > 0 } general ? $"The model '{general}'" : "The model";
            var found = variants.IsEmpty ? "no chat template" : $"no such chat template, but the variants {string.Join(", ", variants)}";
            throw new ChatTemplateException(
                $"{name} has {found} ('{key}' is not in its metadata). A model without one was not trained to chat, or its file lost it: give a template yourself " +
                $"(ChatTemplate.Parse, {nameof(AbiChatClientOptions)}.{nameof(AbiChatClientOptions.Template)}), or generate from plain text with {nameof(LanguageModel)}.{nameof(LanguageModel.GenerateAsync)}.")
            {
                Remedy = nameof(AbiChatClientOptions.Template),
            };
        }

        return Parse(metadata.GetString(key), tokenizer);
    }

    /// <summary>The names of the variants that a model has besides its main template.</summary>
    public static ImmutableArray<string> Variants(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        return [.. metadata.Keys.Where(key => key.StartsWith(MetadataKey + ".", StringComparison.Ordinal)).Select(key => key[(MetadataKey.Length + 1)..]).Order(StringComparer.Ordinal)];
    }

    /// <summary>The conversation as text.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">What else the template gets.</param>
    /// <param name="cancellationToken">Ends the rendering.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails on it, or takes too long; or it lacks something and the policy is to say so.</exception>
    public string Render(IEnumerable<ChatMessage> messages, ChatRenderOptions? options = null, CancellationToken cancellationToken = default) =>
        Prompt(messages, options, tokenizer: null, cancellationToken).Text;

    /// <summary>The conversation as token ids.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">What else the template gets.</param>
    /// <param name="cancellationToken">Ends the rendering.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails on it, or takes too long; or it lacks something and the policy is to say so.</exception>
    public int[] Encode(Tokenizer tokenizer, IEnumerable<ChatMessage> messages, ChatRenderOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Prompt(messages, options, tokenizer, cancellationToken).Encode(tokenizer);
    }

    internal ChatPrompt Prompt(IEnumerable<ChatMessage> messages, ChatRenderOptions? options, Tokenizer? tokenizer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(messages);
        options ??= new ChatRenderOptions();
        var list = ToolApprovals.WithoutSettled([.. messages]);
        Check(list, options);
        list = options.Unsupported == UnsupportedByTemplate.PassThrough ? list : OneCallAtATime(list);
        try
        {
            return Render(list, options, tokenizer, simplifies: false, cancellationToken);
        }
        catch (JinjaException exception) when (exception.Kind is JinjaErrorKind.Runtime or JinjaErrorKind.Limit && !options.Tools.IsEmpty)
        {
            try
            {
                return Render(list, options, tokenizer, simplifies: true, cancellationToken); // some templates need a description and one type of every parameter, and fail or never end without
            }
            catch (JinjaException)
            {
                throw Failed(exception);
            }
        }
        catch (JinjaException exception)
        {
            throw Failed(exception);
        }
    }

    private ChatPrompt Render(IReadOnlyList<ChatMessage> messages, ChatRenderOptions options, Tokenizer? tokenizer, bool simplifies, CancellationToken cancellationToken)
    {
        var folds = options.Unsupported != UnsupportedByTemplate.PassThrough; // what is not to be folded in has been refused already
        var mark = tokenizer is null ? '\0' : FindMark(messages, options);
        var variables = new ChatVariables(Capabilities, DetectedToolCallFormat, tokenizer is null ? null : ContentGuard.Of(tokenizer), mark);
        var foldsTools = folds && !options.Tools.IsEmpty && !Capabilities.Tools;
        var described = variables.Messages(messages, folds, foldsTools ? variables.DescribeTools(options.Tools) : null);
        if (Capabilities.ToolsInSystemMessage && !options.Tools.IsEmpty)
        {
            variables.AddToSystemMessage(described, options.Tools, simplifies);
        }

        var root = new JsonObject
        {
            ["messages"] = described,
            ["tools"] = foldsTools || Capabilities.ToolsInSystemMessage ? null : variables.Tools(options.Tools, simplifies),
            ["add_generation_prompt"] = options.AddGenerationPrompt,
            ["bos_token"] = BeginText,
            ["eos_token"] = EndText,
        };
        foreach (var (name, value) in options.Variables)
        {
            root[name] = variables.Other(ChatJson.Node(value));
        }

        var text = _template.Render(ChatJson.Element(root), options.Now ?? TimeProvider.System.GetLocalNow(), cancellationToken);
        if (tokenizer is null)
        {
            return new ChatPrompt(Encoding.UTF8.GetBytes(text), []);
        }

        List<int> guarded = [];
        return new ChatPrompt(ContentGuard.Unmark(text, mark, guarded), [.. guarded]);
    }

    private void Check(IReadOnlyList<ChatMessage> messages, ChatRenderOptions options)
    {
        if (messages.Count == 0)
        {
            throw new ChatTemplateException("There is no message to render.");
        }

        if (options.Unsupported != UnsupportedByTemplate.Refuse)
        {
            return;
        }

        if (!Capabilities.SystemMessages && messages.Any(ChatVariables.IsSystem))
        {
            throw Lacks("system messages");
        }

        if (!Capabilities.LateSystemMessages && messages.SkipWhile(ChatVariables.IsSystem).Any(ChatVariables.IsSystem))
        {
            throw Lacks("system messages after the beginning");
        }

        if (!Capabilities.Tools && !options.Tools.IsEmpty)
        {
            throw Lacks("tools");
        }

        if (!Capabilities.ToolCalls && DetectedToolCallFormat == ToolCallFormat.None && messages.Any(message => message.Contents.Any(content => content is FunctionCallContent)))
        {
            throw Lacks("calls of tools");
        }

        if (!Capabilities.ToolResults && messages.Any(message => message.Contents.Any(content => content is FunctionResultContent)))
        {
            throw Lacks("results of tools");
        }
    }

    private static ChatTemplateException Lacks(string what) => new(
        $"The model's chat template does not show {what}. Leave them out, set {nameof(ChatRenderOptions.Unsupported)} to {nameof(UnsupportedByTemplate.FoldIn)} to have them written into other messages, or give another template.");

    private static ChatTemplateException Failed(JinjaException exception) => exception.Kind == JinjaErrorKind.Raised
        ? new ChatTemplateException($"The model's chat template refuses the conversation: {exception.Message}", exception)
        : new ChatTemplateException($"The model's chat template failed: {exception.Message}", exception);

    /// <summary>Where a template shows one call a message only, several become messages of their own, each with its result behind it.</summary>
    private IReadOnlyList<ChatMessage> OneCallAtATime(IReadOnlyList<ChatMessage> messages)
    {
        if (Capabilities.ParallelToolCalls || !Capabilities.ToolCalls || !messages.Any(message => message.Contents.Count(content => content is FunctionCallContent) > 1))
        {
            return messages;
        }

        var results = messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>().ToLookup(result => result.CallId, StringComparer.Ordinal);
        HashSet<string> placed = new(StringComparer.Ordinal);
        List<ChatMessage> split = [];
        foreach (var message in messages)
        {
            List<FunctionCallContent> calls = [.. message.Contents.OfType<FunctionCallContent>()];
            if (calls.Count < 2)
            {
                List<AIContent> rest = [.. message.Contents.Where(content => content is not FunctionResultContent result || !placed.Contains(result.CallId))];
                if (rest.Count == message.Contents.Count)
                {
                    split.Add(message);
                }
                else if (rest.Count > 0)
                {
                    split.Add(new ChatMessage(message.Role, rest) { AuthorName = message.AuthorName });
                }

                continue;
            }

            List<AIContent> others = [.. message.Contents.Where(content => content is not FunctionCallContent)];
            foreach (var call in calls)
            {
                split.Add(new ChatMessage(ChatRole.Assistant, [.. others, call]));
                others = [];
                if (placed.Add(call.CallId) && results[call.CallId].Any())
                {
                    split.Add(new ChatMessage(ChatRole.Tool, [.. results[call.CallId]]));
                }
            }
        }

        return split;
    }

    /// <summary>A character that occurs nowhere in the conversation: the first free one of those that Unicode keeps for use inside programs.</summary>
    private static char FindMark(IReadOnlyList<ChatMessage> messages, ChatRenderOptions options)
    {
        for (var mark = '\uFDD0'; mark <= '\uFDEF'; mark++)
        {
            var taken = mark;
            if (!options.Variables.Values.Any(value => Holds(ChatJson.Write(ChatJson.Node(value)), taken)) && !messages.Any(message => message.Contents.Any(content => Holds(content, taken))) && !options.Tools.Any(tool => Holds(tool.Name, taken) || Holds(tool.Description, taken) || (tool.JsonSchema.ValueKind != JsonValueKind.Undefined && Holds(tool.JsonSchema.GetRawText(), taken))))
            {
                return mark;
            }
        }

        throw new ChatTemplateException("The conversation contains every one of Unicode's noncharacters U+FDD0 to U+FDEF; no text does that by accident.");
    }

    private static bool Holds(AIContent content, char mark) => content switch
    {
        TextContent text => Holds(text.Text, mark),
        TextReasoningContent text => Holds(text.Text, mark),
        FunctionCallContent call => Holds(call.Name, mark) || Holds(call.CallId, mark) || (call.Arguments is not null && Holds(ChatJson.Write(ChatJson.Node(call.Arguments)), mark)),
        FunctionResultContent result => Holds(result.CallId, mark) || Holds(ChatJson.Text(result.Result), mark) || (result.Exception is { } exception && Holds(exception.Message, mark)),
        _ => false,
    };

    private static bool Holds(string? text, char mark) => text is not null && (text.Contains(mark) || text.Contains($"\\u{(int)mark:x4}", StringComparison.OrdinalIgnoreCase));

    private static string TokenText(Tokenizer tokenizer, int? id) => id is { } known ? Encoding.UTF8.GetString(tokenizer.TokenBytes(known, special: true)) : string.Empty;
}
