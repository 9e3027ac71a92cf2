using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Terminal;

namespace Abi.Cli.Commands;

/// <summary>Prints the script that lets a shell complete the tool's commands and options.</summary>
internal sealed class CompletionsCommand : Command
{
    private static readonly Argument Shell = new("SHELL", "bash, zsh, fish or pwsh") { Suggestions = ["bash", "zsh", "fish", "pwsh"] };

    /// <inheritdoc/>
    public override string Name => "completions";

    /// <inheritdoc/>
    public override string Summary => "Print a script that lets a shell complete commands and options.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [Shell];

    /// <inheritdoc/>
    public override string Remarks => """
        bash:  abi completions bash > ~/.local/share/bash-completion/completions/abi
        zsh:   abi completions zsh > "${fpath[1]}/_abi"
        fish:  abi completions fish > ~/.config/fish/completions/abi.fish
        pwsh:  abi completions pwsh >> $PROFILE
        """;

    /// <inheritdoc/>
    public override Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var commands = CliApplication.Commands;
        console.Out.Write(arguments.Get(Shell) switch
        {
            "bash" => CompletionScripts.Bash(commands),
            "zsh" => CompletionScripts.Zsh(commands),
            "fish" => CompletionScripts.Fish(commands),
            "pwsh" or "powershell" => CompletionScripts.PowerShell(commands),
            var shell => throw new UsageException($"There are no completions for '{shell}': bash, zsh, fish and pwsh have them."),
        });
        return Task.FromResult(ExitCode.Success);
    }
}
