namespace Abi.Database;

/// <summary>The format of a file that records come from or go to.</summary>
public enum ExchangeFormat
{
    /// <summary>By the file's ending: <c>.npy</c>, <c>.fvecs</c>, <c>.jsonl</c> (or <c>.ndjson</c>).</summary>
    Automatic,

    /// <summary>A NumPy array [records, dimensions] of vectors.</summary>
    Npy,

    /// <summary>Vectors one after another, each with its length before it: int32, then float32 elements.</summary>
    Fvecs,

    /// <summary>A record a line, as a JSON object; see <see cref="RecordJson"/>.</summary>
    JsonLines,
}
