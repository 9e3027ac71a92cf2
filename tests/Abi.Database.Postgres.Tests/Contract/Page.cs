namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>A record whose vector is made of its text.</summary>
public sealed class Page
{
    [RecordKey]
    public string Id { get; set; } = "";

    [RecordData(IsFullTextIndexed = true)]
    public string? Text { get; set; }

    [RecordData]
    public string? Topic { get; set; }

    [RecordVector(26, SourceField = nameof(Text))]
    public ReadOnlyMemory<float> Vector { get; set; }
}
