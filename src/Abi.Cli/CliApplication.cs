using System.Collections.Immutable;
using System.Reflection;
using Abi.Cli.CommandLine;
using Abi.Cli.Commands;
using Abi.Cli.Databases;
using Abi.Cli.Terminal;
using Abi.Database;
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Quantization;

namespace Abi.Cli;

/// <summary>The tool: picks the command, runs it, and turns what went wrong into a message and an exit code.</summary>
internal static class CliApplication
{
    /// <summary>The commands, in the order of help.</summary>
    public static ImmutableArray<Command> Commands { get; } =
    [
        new InfoCommand(),
        new TokenizeCommand(),
        new DetokenizeCommand(),
        new LogitsCommand(),
        new GenerateCommand(),
        new ChatCommand(),
        new EmbedCommand(),
        new PerplexityCommand(),
        new QuantizeCommand(),
        new LoraCommand(),
        new MakeModelCommand(),
        new BenchCommand(),
        new PullCommand(),
        new DatabaseCreateCommand(),
        new DatabaseInfoCommand(),
        new DatabaseImportCommand(),
        new DatabaseAddCommand(),
        new DatabaseGetCommand(),
        new DatabaseDeleteCommand(),
        new DatabaseSearchCommand(),
        new DatabaseExportCommand(),
        new DatabaseStatsCommand(),
        new DatabaseVerifyCommand(),
        new DatabaseBackupCommand(),
        new DatabaseRestoreCommand(),
        new DatabaseCompactCommand(),
        new DatabaseChangeKeyCommand(),
        new DatabaseBenchCommand(),
        new DoctorCommand(),
        new CompletionsCommand(),
    ];

    /// <summary>The version, as <c>--version</c> prints it.</summary>
    public static string Version { get; } = typeof(CliApplication).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="console">Where to read and write.</param>
    /// <param name="cancellationToken">Ctrl-C.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] arguments, CliConsole console, CancellationToken cancellationToken = default)
    {
        Command? command = null;
        try
        {
            var code = await RunCheckedAsync(arguments, console, found => command = found, cancellationToken).ConfigureAwait(false);
            console.Out.Flush();
            console.Output.Flush();
            return code;
        }
        catch (Exception e)
        {
            var (code, message) = Explain(e, command, cancellationToken.IsCancellationRequested);
            if (e is not ClosedOutputException)
            {
                Attempt(() => console.Error.WriteLine($"abi: {message}"));
            }

            Attempt(console.Out.Flush);
            Attempt(console.Output.Flush);
            return code;
        }
    }

    /// <summary>Writes what is left to write after a failure. Where that cannot be written either, the exit code alone says it.</summary>
    private static void Attempt(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static (int Code, string Message) Explain(Exception exception, Command? command, bool isCancelled) => exception switch
    {
        UsageException => (ExitCode.Usage, $"{Plain(exception.Message)}\n{(command is null ? "`abi --help` lists the commands." : $"{HelpWriter.Usage(command)}\n`abi {command.FullName} --help` tells more.")}"),
        OperationCanceledException when isCancelled => (ExitCode.Cancelled, "cancelled."),
        AbiException or IOException or UnauthorizedAccessException or ArgumentException or OutOfMemoryException or NotSupportedException => (ExitCode.Failed, Plain(Describe(exception, command))),
        // What is left is a fault of ours: the trace helps whoever reports it, so it is one variable away.
        _ => (ExitCode.Failed, $"internal error ({exception.GetType().Name}): {exception.Message}\n{(Environment.GetEnvironmentVariable("ABI_DEBUG") is { Length: > 0 } ? exception.ToString() : "Set ABI_DEBUG=1 to see where, and please report it.")}"),
    };

    /// <summary>The message, the cause where the message does not tell it, and what to do about it here where that is another thing than in code.</summary>
    private static string Describe(Exception exception, Command? command) => exception switch
    {
        ContextFullException => $"{exception.Message}{Here(command, ("-c", "sets the context"), ("--context-full", "what happens when it is full"), ("--truncate", "cuts a text that is longer"))}",
        AbiException { Remedy: nameof(GenerationOptions.MaximumTokens) } => $"{exception.Message}{Here(command, ("-n", "sets the most tokens"), ("-c", "the context"))}",
        AbiException { Remedy: nameof(AbiChatClientOptions.Template) } => $"{exception.Message}{Here(command, ("--chat-template-file", "names a template"))} `abi generate` takes plain text.",
        DatabaseKeyException { Problem: DatabaseKeyProblem.Missing } => $"{exception.Message}{Here(command, ("--key-file", "names the file of a key"), ("--passphrase-file", "that of a passphrase"))}",
        AbiException { Remedy: nameof(DatabaseOptions.WithEmbeddings) } => $"{exception.Message}{Here(command, ("-m", "names the model that embeds"))}",
        AbiException { Remedy: nameof(ModelQuantizerOptions.AllowRequantize) } => $"{exception.Message}{Here(command, ("--allow-requantize", "allows it"))}",
        AbiException { InnerException: { } cause } when cause is not (IOException or UnauthorizedAccessException or ContextFullException) && !exception.Message.Contains(cause.Message, StringComparison.Ordinal) => $"{exception.Message} {cause.Message}",
        _ => exception.Message,
    };

    /// <summary>What the options that the command has do about it.</summary>
    private static string Here(Command? command, params ReadOnlySpan<(string Option, string Does)> remedies)
    {
        var text = "";
        foreach (var (name, does) in remedies)
        {
            if (command?.AllOptions.Any(option => option.Names.Contains(name, StringComparer.Ordinal)) == true)
            {
                text += $"{(text.Length == 0 ? " Here, " : " and ")}{name} {does}";
            }
        }

        return text.Length == 0 ? text : $"{text}.";
    }

    /// <summary>A message without what the framework adds for those who write code.</summary>
    private static string Plain(string message) => message.IndexOf(" (Parameter '", StringComparison.Ordinal) is var end and > 0 ? message[..end] : message;

    private static Task<int> RunCheckedAsync(string[] arguments, CliConsole console, Action<Command> found, CancellationToken cancellationToken)
    {
        switch (arguments)
        {
            case []:
                console.Error.Write(HelpWriter.Overview(Commands));
                return Task.FromResult(ExitCode.Usage);
            case ["--help" or "-h" or "-?" or "help"]:
                console.Out.Write(HelpWriter.Overview(Commands));
                return Task.FromResult(ExitCode.Success);
            case ["--version" or "version"]:
                console.Out.WriteLine($"abi {Version}");
                return Task.FromResult(ExitCode.Success);
            case ["help", .. var words]:
                console.Out.Write(FindGroup(words[0]) is { } asked && words.Length == 1 ? HelpWriter.Describe(asked, Members(asked)) : HelpWriter.Describe(Find(words, out _)));
                return Task.FromResult(ExitCode.Success);
            case [var word] when FindGroup(word) is { } group:
                console.Error.Write(HelpWriter.Describe(group, Members(group)));
                return Task.FromResult(ExitCode.Usage);
            case [var word, "--help" or "-h" or "help"] when FindGroup(word) is { } group:
                console.Out.Write(HelpWriter.Describe(group, Members(group)));
                return Task.FromResult(ExitCode.Success);
        }

        var command = Find(arguments, out var used);
        found(command);
        if (CommandLineParser.Parse(command, arguments.AsSpan(used)) is { } parsed)
        {
            return command.RunAsync(parsed, console, cancellationToken);
        }

        console.Out.Write(HelpWriter.Describe(command));
        return Task.FromResult(ExitCode.Success);
    }

    private static Command Find(string[] words, out int used)
    {
        var group = FindGroup(words[0]);
        used = group is null ? 1 : 2;
        IReadOnlyList<Command> known = group is null ? [.. Commands.Where(command => command.Group is null)] : Members(group);
        var name = words[used - 1];
        return known.FirstOrDefault(command => command.Name == name)
            ?? throw new UsageException($"There is no command '{string.Join(' ', words[..used])}'{CommandLineParser.Suggestion(name, known.Select(command => command.Name).Concat(group is null ? Groups() : []))}");
    }

    private static IEnumerable<string> Groups() => Commands.Select(command => command.Group?.Name).OfType<string>().Distinct(StringComparer.Ordinal);

    private static CommandGroup? FindGroup(string name) => Commands.FirstOrDefault(command => command.Group?.Name == name)?.Group;

    private static List<Command> Members(CommandGroup group) => [.. Commands.Where(command => command.Group == group)];
}
