namespace Abi.Cli.CommandLine;

/// <summary>What a command line gave.</summary>
internal sealed class ParsedArguments(IReadOnlyDictionary<Option, List<object>> options, IReadOnlyDictionary<Argument, string> arguments)
{
    /// <summary>Whether an option was given.</summary>
    public bool Has(Option option) => options.ContainsKey(option);

    /// <summary>The last value given, or the option's default.</summary>
    public T Get<T>(Option<T> option) => options.TryGetValue(option, out var values) ? (T)values[^1] : option.Default;

    /// <summary>Every value given, in order.</summary>
    public IEnumerable<T> GetAll<T>(Option<T> option) => options.TryGetValue(option, out var values) ? values.Cast<T>() : [];

    /// <summary>A positional argument that must be there.</summary>
    public string Get(Argument argument) => Find(argument) ?? throw new UsageException($"{argument.Name} is missing: {argument.Help}.");

    /// <summary>A positional argument, by place or by its option.</summary>
    public string? Find(Argument argument) => arguments.GetValueOrDefault(argument) ?? (argument.Alternative is { } option ? Get(option) : null);
}
