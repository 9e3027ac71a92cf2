using Abi.Database;

/// <summary>A piece of a tale, as it is stored.</summary>
internal sealed class Passage
{
    [RecordKey]
    public string Id { get; set; } = "";

    [RecordData]
    public string Source { get; set; } = "";

    [RecordData(IsFullTextIndexed = true)]
    public string Text { get; set; } = "";

    [RecordVector(256, SourceField = nameof(Text))]
    public ReadOnlyMemory<float> Vector { get; set; }
}
