namespace Abi.Database;

/// <summary>How records go to a file.</summary>
public sealed record ExportOptions
{
    /// <summary>The file's format.</summary>
    public ExchangeFormat Format { get; init; }

    /// <summary>The field whose vectors go to <c>.npy</c> and <c>.fvecs</c> files; may be unset when there is only one. Records without a vector are passed over.</summary>
    public string? VectorField { get; init; }

    /// <summary>A file for the keys of such vectors: one JSON value a line.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Which records; unset, all.</summary>
    public Filter? Filter { get; init; }

    /// <summary>Whether the records of a <c>.jsonl</c> file come with their vectors.</summary>
    public bool IncludeVectors { get; init; } = true;
}
