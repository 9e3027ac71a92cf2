using System.Text;

namespace Abi.Cli.CommandLine;

/// <summary>Completion scripts, made from the option tables.</summary>
internal static class CompletionScripts
{
    /// <summary>For bash.</summary>
    public static string Bash(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine("""
            # abi completion for bash
            _abi() {
                local cur prev command
                COMPREPLY=()
                cur="${COMP_WORDS[COMP_CWORD]}"
                prev="${COMP_WORDS[COMP_CWORD-1]}"
                command="${COMP_WORDS[1]}"
                if [[ $COMP_CWORD -eq 1 ]]; then
            """);
        text.AppendLine($"        COMPREPLY=($(compgen -W \"{Join(Words(commands))} help --help --version\" -- \"$cur\"))");
        text.AppendLine("        return");
        text.AppendLine("    fi");
        text.AppendLine("    case \"$command\" in");
        foreach (var group in Groups(commands))
        {
            text.AppendLine($"        {group.Key.Name})");
            text.AppendLine($"            if [[ $COMP_CWORD -eq 2 ]]; then COMPREPLY=($(compgen -W \"{Join(group.Select(command => command.Name))} --help\" -- \"$cur\")); return; fi");
            text.AppendLine("            command=\"$command ${COMP_WORDS[2]}\" ;;");
        }

        text.AppendLine("    esac");
        text.AppendLine("    case \"$command\" in");
        text.AppendLine($"        help) COMPREPLY=($(compgen -W \"{Join(Words(commands))}\" -- \"$cur\")) ;;");
        foreach (var command in commands)
        {
            text.AppendLine($"        \"{command.FullName}\")");
            text.AppendLine("            case \"$prev\" in");
            foreach (var option in command.AllOptions.Where(option => !option.IsSwitch))
            {
                var values = option.Choices.IsEmpty ? option.TakesFile ? "-f" : "-W \"\"" : $"-W \"{Join(option.Choices)}\"";
                text.AppendLine($"                {string.Join('|', option.Names)}) COMPREPLY=($(compgen {values} -- \"$cur\")); return ;;");
            }

            text.AppendLine("            esac");
            text.AppendLine("            if [[ $cur == -* ]]; then");
            text.AppendLine($"                COMPREPLY=($(compgen -W \"{Join(command.AllOptions.SelectMany(option => option.Names).Append("--help"))}\" -- \"$cur\"))");
            text.AppendLine("            else");
            text.AppendLine($"                COMPREPLY=($(compgen {(command.Arguments.Any(argument => argument.TakesFile) ? "-f " : "")}-W \"{Join(command.Arguments.SelectMany(argument => argument.Suggestions))}\" -- \"$cur\"))");
            text.AppendLine("            fi ;;");
        }

        text.AppendLine("    esac");
        text.AppendLine("}");
        text.AppendLine("complete -o filenames -F _abi abi");
        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>For zsh.</summary>
    public static string Zsh(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine("#compdef abi");
        text.AppendLine("_abi() {");
        text.AppendLine("    local -a commands");
        text.AppendLine("    commands=(");
        foreach (var (name, summary) in commands.Select(command => command.Group is { } group ? (group.Name, group.Summary) : (command.Name, command.Summary)).Distinct())
        {
            text.AppendLine($"        '{Quote($"{name}:{summary}")}'");
        }

        text.AppendLine("    )");
        text.AppendLine("    if (( CURRENT == 2 )); then _describe command commands; return; fi");
        text.AppendLine("    local command=${words[2]}");
        text.AppendLine("    case $command in");
        foreach (var group in Groups(commands))
        {
            text.AppendLine($"        {group.Key.Name})");
            text.AppendLine($"            commands=({Join(group.Select(command => $"'{Quote($"{command.Name}:{command.Summary}")}'"))})");
            text.AppendLine("            if (( CURRENT == 3 )); then _describe command commands; return; fi");
            text.AppendLine("            command=\"$command ${words[3]}\"; shift words; (( CURRENT-- )) ;;");
        }

        text.AppendLine("    esac");
        text.AppendLine("    case $command in");
        foreach (var command in commands)
        {
            text.AppendLine($"        \"{command.FullName}\")");
            text.AppendLine("            shift words; (( CURRENT-- ))");
            text.Append("            _arguments '--help[tell about the command]'");
            foreach (var option in command.AllOptions)
            {
                foreach (var name in option.Names)
                {
                    var value = option.IsSwitch ? "" : $":{option.ValueName}:{(option.Choices.IsEmpty ? option.TakesFile ? "_files" : "" : $"({Join(option.Choices)})")}";
                    text.Append($" \\\n                '{(option.IsRepeatable ? "*" : "")}{name}[{Quote(option.Help).Replace("[", "\\[", StringComparison.Ordinal).Replace("]", "\\]", StringComparison.Ordinal)}]{Quote(value)}'");
                }
            }

            foreach (var argument in command.Arguments)
            {
                var words = Join(argument.Suggestions);
                text.Append($" \\\n                '{(argument.IsRequired ? "" : ":")}:{argument.Name}:{(argument.TakesFile ? "_files" : $"({words})")}'");
            }

            text.AppendLine().AppendLine("            ;;");
        }

        text.AppendLine("    esac");
        text.AppendLine("}");
        text.AppendLine("_abi \"$@\"");
        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>For fish.</summary>
    public static string Fish(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine("# abi completion for fish");
        text.AppendLine("complete -c abi -n __fish_use_subcommand -f -l help -d 'List the commands'");
        text.AppendLine("complete -c abi -n __fish_use_subcommand -f -l version -d 'Print the version'");
        foreach (var command in commands.Where(command => command.Group is null))
        {
            text.AppendLine($"complete -c abi -n __fish_use_subcommand -f -a {command.Name} -d '{FishQuote(command.Summary)}'");
        }

        foreach (var group in Groups(commands))
        {
            text.AppendLine($"complete -c abi -n __fish_use_subcommand -f -a {group.Key.Name} -d '{FishQuote(group.Key.Summary)}'");
            foreach (var command in group)
            {
                text.AppendLine($"complete -c abi -n '__fish_seen_subcommand_from {group.Key.Name}; and not __fish_seen_subcommand_from {Join(group.Select(other => other.Name))}' -f -a {command.Name} -d '{FishQuote(command.Summary)}'");
            }
        }

        foreach (var command in commands)
        {
            // Words of a group may be those of commands that stand alone.
            var groups = Join(Groups(commands).Select(group => group.Key.Name));
            var condition = command.Group is { } own ? $"complete -c abi -n '__fish_seen_subcommand_from {own.Name}; and __fish_seen_subcommand_from {command.Name}'"
                : $"complete -c abi -n '__fish_seen_subcommand_from {command.Name}; and not __fish_seen_subcommand_from {groups}'";
            foreach (var argument in command.Arguments.Where(argument => argument.Suggestions.Any()))
            {
                text.AppendLine($"{condition} -a '{Join(argument.Suggestions)}' -d '{FishQuote(argument.Name)}'");
            }

            foreach (var option in command.AllOptions)
            {
                foreach (var name in option.Names)
                {
                    // fish: -s is one letter, -l a long name, -o an old style name of one dash and several letters
                    var spelling = name.StartsWith("--", StringComparison.Ordinal) ? $"-l {name[2..]}" : name.Length == 2 ? $"-s {name[1..]}" : $"-o {name[1..]}";
                    var value = option.IsSwitch ? "" : option.Choices.IsEmpty ? option.TakesFile ? " -r -F" : " -x" : $" -x -a '{Join(option.Choices)}'";
                    text.AppendLine($"{condition} {spelling}{value} -d '{FishQuote(option.Help)}'");
                }
            }
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>For PowerShell.</summary>
    public static string PowerShell(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine("# abi completion for PowerShell");
        text.AppendLine("Register-ArgumentCompleter -Native -CommandName abi -ScriptBlock {");
        text.AppendLine("    param($wordToComplete, $commandAst, $cursorPosition)");
        text.AppendLine("    $table = @{");
        text.AppendLine($"        '' = @({PowerShellList(Words(commands).Append("--help").Append("--version"))})");
        foreach (var command in commands)
        {
            var words = command.AllOptions.SelectMany(option => option.Names).Append("--help").Concat(command.Arguments.SelectMany(argument => argument.Suggestions));
            text.AppendLine($"        '{command.FullName}' = @({PowerShellList(words)})");
        }

        foreach (var group in Groups(commands))
        {
            text.AppendLine($"        '{group.Key.Name}' = @({PowerShellList(group.Select(command => command.Name).Append("--help"))})");
        }

        text.AppendLine("    }");
        text.AppendLine("    $values = @{");
        foreach (var command in commands)
        {
            foreach (var option in command.AllOptions.Where(option => !option.Choices.IsEmpty))
            {
                foreach (var name in option.Names)
                {
                    text.AppendLine($"        '{command.FullName} {name}' = @({PowerShellList(option.Choices)})");
                }
            }
        }

        text.AppendLine("""
                }
                $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
                $before = @($words | Where-Object { $_ -ne $wordToComplete })
                $command = if ($before.Count -gt 1) { $before[1] } else { '' }
                if ($before.Count -gt 2 -and $table["$command $($before[2])"]) { $command = "$command $($before[2])" }
                $previous = if ($before.Count -gt 0) { $before[-1] } else { '' }
                $candidates = $values["$command $previous"]
                if (-not $candidates) { $candidates = $table[$command] }
                $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }
            """);
        return text.ToString().ReplaceLineEndings("\n");
    }

    private static IEnumerable<string> Words(IReadOnlyList<Command> commands) => commands.Select(command => command.Group?.Name ?? command.Name).Distinct(StringComparer.Ordinal);

    private static IEnumerable<IGrouping<CommandGroup, Command>> Groups(IReadOnlyList<Command> commands) => commands.Where(command => command.Group is not null).GroupBy(command => command.Group!);

    private static string Join(IEnumerable<string> words) => string.Join(' ', words);

    private static string Quote(string text) => text.Replace("'", "'\\''", StringComparison.Ordinal);

    private static string FishQuote(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);

    private static string PowerShellList(IEnumerable<string> words) => string.Join(", ", words.Distinct(StringComparer.Ordinal).Select(word => $"'{word.Replace("'", "''", StringComparison.Ordinal)}'"));
}
