namespace Abi.Database;

/// <summary>How records come from a file.</summary>
public sealed record ImportOptions
{
    /// <summary>The file's format.</summary>
    public ExchangeFormat Format { get; init; }

    /// <summary>The field that vectors of <c>.npy</c> and <c>.fvecs</c> files go to; may be unset when there is only one.</summary>
    public string? VectorField { get; init; }

    /// <summary>The key of the first vector of a <c>.npy</c> or <c>.fvecs</c> file; the others count on from it. Where keys are texts, it is the number in decimal.</summary>
    public long FirstKey { get; init; }

    /// <summary>A file with the keys of such vectors instead: one JSON value a line.</summary>
    public string? KeyFile { get; init; }

    /// <summary>How many records are written at once, from 1 to 100,000.</summary>
    public int BatchSize { get; init; } = 1000;

    internal void Validate()
    {
        if (BatchSize is < 1 or > 100_000 || !Enum.IsDefined(Format))
        {
            throw new ArgumentException($"BatchSize is {BatchSize} and Format {Format}; 1 to 100,000 and a known format were expected.");
        }
    }
}
