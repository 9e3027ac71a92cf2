using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm;
using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Cli.Commands;

/// <summary>A conversation with a model: a message a line, answers as they come.</summary>
internal sealed class ChatCommand : Command
{
    private static readonly Option<string?> SystemPrompt = Options.Text("-sys --system-prompt", "TEXT", "what the model is told before the conversation");
    private static readonly Option<string?> First = Options.Text("-p --prompt", "TEXT", "the first message");
    private static readonly Option<bool> SingleTurn = Options.Switch("-st --single-turn", "end after the answer to --prompt");
    private static readonly Option<string?> TemplateFile = Options.File("--chat-template-file", "a chat template (Jinja), instead of the model's own");
    private static readonly Option<int> Count = Options.Integer("-n --predict --n-predict", "the most tokens of an answer; -1 leaves it to the model", -1, minimum: -1);
    private static readonly Option<bool> HidesReasoning = Options.Switch("--hide-reasoning", "do not print what the model thinks before it answers");

    /// <inheritdoc/>
    public override string Name => "chat";

    /// <inheritdoc/>
    public override string Summary => "Talk with a model.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("conversation", [SystemPrompt, First, SingleTurn, TemplateFile, Count, HidesReasoning]),
        SamplingArguments.Group,
        new("model", [ModelOptions.Model, ModelOptions.Context, ModelOptions.Threads, ModelOptions.Activations, ModelOptions.CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch, ModelOptions.Lora, ModelOptions.ControlVector]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        Each line of input is a message; answers go to stdout, all else to stderr. Lines that begin with a slash are commands: /help lists them.
        """;

    private static string Help => """
        /clear          forget the conversation
        /system TEXT    begin anew with another system prompt; without a text, with none
        /undo           take back the last message and its answer
        /retry          answer the last message anew
        /history        print the conversation
        /save FILE      write the conversation as JSON
        /load FILE      go on with a conversation that was saved
        /quit           end
        Ctrl-C          stop the answer; what was said stays. At the prompt, or a second time: end
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (arguments.Get(SingleTurn) && arguments.Get(First) is null)
        {
            throw new UsageException("'--single-turn' needs '--prompt'.");
        }

        SamplingArguments.Read(arguments, int.MaxValue);
        var loaded = await LoadedModel.OpenAsync(arguments, console, engine => engine with { MaximumSequences = 1 }, cancellationToken: cancellationToken).ConfigureAwait(false);
        await using var _ = loaded.ConfigureAwait(false);
        using var client = loaded.Model.AsChatClient(new AbiChatClientOptions
        {
            Template = arguments.Get(TemplateFile) is { } file ? ChatTemplate.Parse(InputFile.ReadText(file, console), loaded.Model.Tokenizer) : null,
            Generation = new GenerationOptions
            {
                Sampling = SamplingArguments.Read(arguments, loaded.Model.ContextLength),
                MaximumTokens = arguments.Get(Count) < 0 ? null : arguments.Get(Count),
                Adapters = await loaded.OpenAdaptersAsync(arguments, cancellationToken).ConfigureAwait(false),
                ControlVectors = LoadedModel.ReadControlVectors(arguments),
            },
        });
        var history = new List<ChatMessage>();
        Begin(history, arguments.Get(SystemPrompt));
        if (arguments.Get(First) is { } first)
        {
            await AnswerAsync(client, history, first, arguments, console, static () => true, cancellationToken).ConfigureAwait(false);
        }

        if (!arguments.Get(SingleTurn))
        {
            await ConverseAsync(client, history, arguments, console, cancellationToken).ConfigureAwait(false);
        }

        return ExitCode.Success;
    }

    private static async Task ConverseAsync(AbiChatClient client, List<ChatMessage> history, ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        using var input = new StreamReader(console.Input, Encoding.UTF8, leaveOpen: true);
        Task<string?>? next = null; // read beforehand only where nobody types: at Ctrl-C, Windows ends the read of a console that waits
        while (true)
        {
            if (console.ShowsProgress)
            {
                console.Error.Write("> ");
                console.Error.Flush();
            }

            var line = await (next ?? ReadAsync()).ConfigureAwait(false);
            if (line is null or "/quit" or "/exit")
            {
                return;
            }

            next = console.ReadsTerminal ? null : ReadAsync();
            if (line.Length == 0)
            {
                continue;
            }

            try
            {
                if (line[0] != '/')
                {
                    await AnswerAsync(client, history, line, arguments, console, StopsAlone, cancellationToken).ConfigureAwait(false);
                }
                else if (line == "/retry" && TakeBack(history) is { } last)
                {
                    await AnswerAsync(client, history, last, arguments, console, StopsAlone, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    Obey(line, history, console);
                }
            }
            catch (Exception exception) when (exception is AbiException or UnauthorizedAccessException or (IOException and not ClosedOutputException))
            {
                console.Error.WriteLine(exception.Message); // the conversation goes on
            }
        }

        Task<string?> ReadAsync() => input.ReadLineAsync(cancellationToken).AsTask();

        // nobody is there to go on with a conversation that was written beforehand
        bool StopsAlone() => next is not { IsCompleted: true };
    }

    private static void Obey(string line, List<ChatMessage> history, CliConsole console)
    {
        var (command, text) = line.Split(' ', 2) is [var name, var rest] ? (name, rest.Trim()) : (line, string.Empty);
        switch (command)
        {
            case "/clear":
                Begin(history, history is [{ Role: var role } system, ..] && role == ChatRole.System ? system.Text : null);
                break;
            case "/system":
                Begin(history, text);
                break;
            case "/undo" or "/retry":
                if (TakeBack(history) is null)
                {
                    console.Error.WriteLine("There is no message yet.");
                }

                break;
            case "/history":
                foreach (var message in history)
                {
                    console.Error.WriteLine($"{message.Role}: {message.Text}");
                }

                break;
            case "/save" when text.Length > 0:
                File.WriteAllText(text, JsonSerializer.Serialize([.. history.Select(message => new ChatLine(message.Role.Value, message.Text))], CliJson.Results.ChatLineArray));
                break;
            case "/load" when text.Length > 0:
                Load(text, history);
                break;
            case "/help":
                console.Error.WriteLine(Help);
                break;
            default:
                console.Error.WriteLine($"'{line}' is not a command. There are:\n{Help}");
                break;
        }
    }

    private static void Load(string path, List<ChatMessage> history)
    {
        try
        {
            var lines = JsonSerializer.Deserialize(File.ReadAllBytes(path), CliJson.Results.ChatLineArray) ?? [];
            List<ChatMessage> messages = [.. lines.Select(line => line is { Role: { } role, Content: { } content } ? new ChatMessage(new ChatRole(role), content) : throw new JsonException("a message has no role or no content."))];
            history.Clear();
            history.AddRange(messages);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            throw new AbiException($"{path} holds no conversation: {exception.Message}", exception);
        }
    }

    private static void Begin(List<ChatMessage> history, string? systemPrompt)
    {
        history.Clear();
        if (!string.IsNullOrEmpty(systemPrompt))
        {
            history.Add(new ChatMessage(ChatRole.System, systemPrompt));
        }
    }

    /// <summary>Removes the last message of the user and what came after it; its text, or null when there is none.</summary>
    private static string? TakeBack(List<ChatMessage> history)
    {
        var at = history.FindLastIndex(message => message.Role == ChatRole.User);
        if (at < 0)
        {
            return null;
        }

        var text = history[at].Text;
        history.RemoveRange(at, history.Count - at);
        return text;
    }

    private static async Task AnswerAsync(
        AbiChatClient client, List<ChatMessage> history, string text, ParsedArguments arguments, CliConsole console, Func<bool> stopsAlone, CancellationToken cancellationToken)
    {
        history.Add(new ChatMessage(ChatRole.User, text));
        List<ChatResponseUpdate> updates = [];
        var isWhole = true;
        try
        {
            if (arguments.Get(SingleTurn))
            {
                await WriteAsync(cancellationToken).ConfigureAwait(false);
            }
            else
            {
                isWhole = await console.TryRunAsync(WriteAsync, stopsAlone, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (AbiException exception)
        {
            history.RemoveAt(history.Count - 1); // as if it had not been said
            if (exception is ContextFullException full)
            {
                throw new AbiException($"The conversation has {full.TokenCount} tokens, the context holds {full.ContextLength}. Set a larger one with -c, or make room with /undo or /clear.", full);
            }

            throw;
        }

        console.Out.WriteLine();
        console.Out.Flush();
        var response = updates.ToChatResponse();
        history.AddMessages(response);
        if (response.Messages.Count == 0)
        {
            history.Add(new ChatMessage(ChatRole.Assistant, string.Empty)); // stopped before its first word: templates want turns that alternate
        }

        Conclude(client, response, isWhole, console);

        async Task WriteAsync(CancellationToken token)
        {
            await foreach (var update in client.GetStreamingResponseAsync(history, cancellationToken: token).ConfigureAwait(false))
            {
                updates.Add(update);
                foreach (var content in update.Contents)
                {
                    if (content is TextContent answer)
                    {
                        console.Out.Write(answer.Text);
                        console.Out.Flush();
                    }
                    else if (content is TextReasoningContent reasoning && !arguments.Get(HidesReasoning))
                    {
                        console.Error.Write(reasoning.Text);
                        console.Error.Flush();
                    }
                }
            }
        }
    }

    /// <summary>Says what the answer does not: that it was stopped, or that the context was too small for it.</summary>
    private static void Conclude(AbiChatClient client, ChatResponse response, bool isWhole, CliConsole console)
    {
        if (!isWhole)
        {
            console.Error.WriteLine("[stopped; another Ctrl-C ends the conversation]");
        }

        if (response.Usage is not { } usage)
        {
            return;
        }

        // the last token ends the answer before it is computed: with it, the sequence may be one longer than the context
        if (response.FinishReason == ChatFinishReason.Length && client.GetService(typeof(LanguageModel)) is LanguageModel { ContextLength: var context } && usage.TotalTokenCount >= context)
        {
            console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"[the answer ends here because the context of {context} tokens is full: set a larger one with -c, or make room with /undo or /clear]"));
        }

        if (console.ShowsProgress)
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{usage.InputTokenCount} tokens in, {usage.CachedInputTokenCount} known before, {usage.OutputTokenCount} out]"));
        }
    }
}
