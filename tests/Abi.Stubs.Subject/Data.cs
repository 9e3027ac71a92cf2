using Mono.Cecil;

namespace Abi.Stubs.Subject;

/// <summary>Works in the stub too, because it says so.</summary>
[StubKeepsBody]
public sealed class Settings
{
    public int Size { get; set; } = 7;

    public IReadOnlyList<string> Names { get; set; } = ["a", "b"];

    public ReadOnlyMemory<byte> Table { get; } = new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

    public Func<int, int> Twice { get; } = static value => value * 2;

    public string Kind(string text) => text switch
    {
        "one" => "1",
        "two" => "2",
        "three" => "3",
        "four" => "4",
        "five" => "5",
        "six" => "6",
        "seven" => "7",
        _ => throw new SubjectException($"'{text}' is not a kind."),
    };
}

/// <summary>Works in the stub too, because of its name.</summary>
public sealed class SubjectOptions
{
    public string Path { get; set; } = "path";
}

/// <summary>Works in the stub too, because it is an exception.</summary>
public sealed class SubjectException(string message) : AbiException(message);

/// <summary>Works in the stub too, because it is a record.</summary>
public sealed record Reading(string Name, double Value)
{
    public double Half => Value / 2;
}

/// <summary>Works in the stub too, because it is a record.</summary>
public readonly record struct Pair(int First, int Second);

/// <summary>A record that holds what goes: its bodies go with it.</summary>
public sealed record Loaded
{
    private readonly AssemblyDefinition? _heavy;

    public string Name => _heavy?.FullName ?? "";
}
