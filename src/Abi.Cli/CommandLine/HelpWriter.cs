using System.Text;

namespace Abi.Cli.CommandLine;

/// <summary>Prints help from the option tables.</summary>
internal static class HelpWriter
{
    private const int Width = 110;

    /// <summary>The list of commands.</summary>
    public static string Overview(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine("Language models in managed code: look into them, run them, measure them, make them.").AppendLine();
        text.AppendLine("usage: abi COMMAND [ARGUMENTS] [OPTIONS]").AppendLine().AppendLine("commands:");
        List<(string Name, string Summary)> rows = [.. commands.Select(command => command.Group is { } group ? (group.Name, group.Summary) : (command.Name, command.Summary)).Distinct()];
        var width = rows.Max(row => row.Name.Length);
        foreach (var (name, summary) in rows)
        {
            text.AppendLine($"  {name.PadRight(width)}  {summary}");
        }

        text.AppendLine().AppendLine("`abi COMMAND --help` tells a command's arguments and options; `abi --version` the version.");
        text.AppendLine("MODEL is a GGUF file, a model pulled before (owner/repo:TYPE), or `stories`, the small model that comes with the tool.");
        text.AppendLine("Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.");
        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>The line that shows how a command is called.</summary>
    public static string Usage(Command command) =>
        $"usage: abi {string.Join(' ', command.Arguments.Select(argument => argument.IsRequired ? argument.Name : $"[{argument.Name}]").Prepend(command.FullName))}{(command.AllGroups.IsEmpty ? "" : " [OPTIONS]")}";

    /// <summary>The commands of a group.</summary>
    public static string Describe(CommandGroup group, IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder();
        text.AppendLine(group.Summary).AppendLine().AppendLine($"usage: abi {group.Name} COMMAND [ARGUMENTS] [OPTIONS]").AppendLine().AppendLine("commands:");
        Rows(text, [.. commands.Select(command => (command.Name, command.Summary))]);
        text.AppendLine().AppendLine($"`abi {group.Name} COMMAND --help` tells a command's arguments and options.");
        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Everything about a command.</summary>
    public static string Describe(Command command)
    {
        var text = new StringBuilder();
        text.AppendLine(command.Summary).AppendLine().AppendLine(Usage(command));
        if (!command.Arguments.IsEmpty)
        {
            text.AppendLine();
            Rows(text, [.. command.Arguments.Select(argument => (argument.Name, $"{argument.Help}{(argument.Alternative is { } option ? $"; also {option.Names[0]}" : "")}"))]);
        }

        foreach (var group in command.AllGroups)
        {
            text.AppendLine().AppendLine($"{group.Title}:");
            Rows(text, [.. group.Options.Select(option => (Left(option), Right(option)))]);
        }

        if (command.Remarks is { } remarks)
        {
            text.AppendLine();
            foreach (var line in remarks.Split('\n'))
            {
                Wrap(text, line.TrimEnd('\r'), 0);
            }
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static string Left(Option option) => $"{string.Join(", ", option.Names)}{(option.ValueName is { } value ? $" {value}" : "")}";

    private static string Right(Option option)
    {
        var text = new StringBuilder(option.Help);
        if (!option.Choices.IsEmpty)
        {
            text.Append($": {string.Join(", ", option.Choices)}");
        }

        if (option.IsRepeatable)
        {
            text.Append("; may be given several times");
        }

        if (option.DefaultText is { } value)
        {
            text.Append($" (default: {value})");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static void Rows(StringBuilder text, IReadOnlyList<(string Left, string Right)> rows)
    {
        var width = Math.Min(34, rows.Max(row => row.Left.Length));
        foreach (var (left, right) in rows)
        {
            text.Append("  ").Append(left.PadRight(width)).Append("  ");
            if (left.Length > width)
            {
                text.AppendLine().Append(' ', width + 4);
            }

            Wrap(text, right, width + 4);
        }
    }

    /// <summary>Appends a text whose first line begins where the builder stands, at the same column as the lines that follow.</summary>
    private static void Wrap(StringBuilder text, string line, int indent)
    {
        var column = indent;
        foreach (var word in line.Split(' '))
        {
            if (column > indent && column + 1 + word.Length > Width)
            {
                text.AppendLine().Append(' ', indent);
                column = indent;
            }
            else if (column > indent)
            {
                text.Append(' ');
                column++;
            }

            text.Append(word);
            column += word.Length;
        }

        text.AppendLine();
    }
}
