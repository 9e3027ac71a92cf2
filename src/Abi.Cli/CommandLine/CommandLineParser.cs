namespace Abi.Cli.CommandLine;

/// <summary>
/// Reads a command's arguments by its option table. An option that takes a value takes the next argument whatever it looks like (<c>-n -1</c>, <c>-p "--"</c>), or what follows
/// <c>=</c>; <c>--</c> ends the options.
/// </summary>
internal static class CommandLineParser
{
    /// <summary>Reads arguments.</summary>
    /// <returns>What was given, or null when help was asked for.</returns>
    /// <exception cref="UsageException">They do not fit the table.</exception>
    public static ParsedArguments? Parse(Command command, ReadOnlySpan<string> arguments)
    {
        var table = new Dictionary<string, Option>(StringComparer.Ordinal);
        foreach (var option in command.AllOptions)
        {
            foreach (var name in option.Names)
            {
                table.Add(name, option);
            }
        }

        var options = new Dictionary<Option, List<object>>();
        var positionals = new List<string>();
        var areOptions = true;
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            if (!areOptions || argument.Length < 2 || argument[0] != '-')
            {
                positionals.Add(argument);
            }
            else if (argument == "--")
            {
                areOptions = false;
            }
            else if (table.TryGetValue(argument, out var option))
            {
                if (option.IsSwitch)
                {
                    Add(options, option, option.Parse(string.Empty, argument), argument);
                }
                else if (i + 1 < arguments.Length)
                {
                    Add(options, option, option.Parse(arguments[++i], argument), argument);
                }
                else
                {
                    throw new UsageException($"'{argument}' needs a value: {option.ValueName}.");
                }
            }
            else if (argument is "--help" or "-h")
            {
                return null;
            }
            else if (argument.IndexOf('=', StringComparison.Ordinal) is var at and > 0 && table.TryGetValue(argument[..at], out option) && !option.IsSwitch)
            {
                Add(options, option, option.Parse(argument[(at + 1)..], argument[..at]), argument[..at]);
            }
            else
            {
                throw new UsageException($"There is no option '{argument}'{Suggestion(argument, table.Keys)}");
            }
        }

        return new ParsedArguments(options, Place(command, options, positionals));
    }

    /// <summary>Names what was probably meant.</summary>
    public static string Suggestion(string word, IEnumerable<string> known)
    {
        var best = known.Select(name => (Name: name, Distance: Distance(word, name))).Where(pair => pair.Distance <= Math.Max(1, word.Length / 3))
            .OrderBy(pair => pair.Distance).ThenBy(pair => pair.Name, StringComparer.Ordinal).Select(pair => pair.Name).FirstOrDefault();
        return best is null ? "." : $"; did you mean '{best}'?";
    }

    private static void Add(Dictionary<Option, List<object>> options, Option option, object value, string spelling)
    {
        if (!options.TryGetValue(option, out var values))
        {
            options.Add(option, values = []);
        }
        else if (!option.IsRepeatable && !option.IsSwitch)
        {
            throw new UsageException($"'{spelling}' is given twice.");
        }

        values.Add(value);
    }

    private static Dictionary<Argument, string> Place(Command command, Dictionary<Option, List<object>> options, List<string> positionals)
    {
        // an argument that came by its option leaves its place to the next one
        var open = command.Arguments.Where(argument => argument.Alternative is not { } option || !options.ContainsKey(option)).ToList();
        if (positionals.Count > open.Count)
        {
            throw new UsageException($"'{positionals[open.Count]}' is one argument too many.");
        }

        if (open.Skip(positionals.Count).FirstOrDefault(argument => argument.IsRequired) is { } missing)
        {
            throw new UsageException($"{missing.Name} is missing: {missing.Help}.");
        }

        return open.Zip(positionals).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    /// <summary>The least number of inserted, removed and replaced characters (Levenshtein 1966).</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray(); // [b + 1]
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
