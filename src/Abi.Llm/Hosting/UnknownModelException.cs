using System.Collections.Immutable;

namespace Abi.Llm.Hosting;

/// <summary>A host has no model of the name that was asked for.</summary>
public sealed class UnknownModelException : AbiException
{
    internal UnknownModelException(string? name, ImmutableArray<string> known)
        : base(name is null
            ? $"No model was named, and the host has no {nameof(ModelHostOptions.Default)}. Name one of: {Join(known)}."
            : $"The host has no model '{name}', no alias of that name and no rule that takes it. There are: {Join(known)}. Add it with {nameof(ModelHostOptions.AddModel)}, or name one of these.")
    {
        Name = name;
        Known = known;
    }

    /// <summary>The name that was asked for; null when none was.</summary>
    public string? Name { get; }

    /// <summary>The names of the host's models.</summary>
    public ImmutableArray<string> Known { get; }

    private static string Join(ImmutableArray<string> known) => known.IsEmpty ? "none" : string.Join(", ", known);
}
