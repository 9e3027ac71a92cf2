namespace Abi.Database;

/// <summary>A data field of a collection.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">Its type.</param>
public sealed record DataField(string Name, DataKind Kind)
{
    /// <summary>Whether filters may use it. Its values are then held in memory, column by column.</summary>
    public bool IsIndexed { get; init; }

    /// <summary>Whether its words can be searched; for <see cref="DataKind.Text"/>.</summary>
    public bool IsFullTextIndexed { get; init; }

    /// <summary>What a word found in this field counts in text searches, beside those in others. Greater than 0.</summary>
    public double Boost { get; init; } = 1;

    /// <summary>How words are reduced to stems, when they can be searched.</summary>
    public Stemming Stemming { get; init; }
}
