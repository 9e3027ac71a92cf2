namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>A record with a field of every kind.</summary>
public sealed class Thing
{
    [RecordKey]
    public Guid Id { get; set; }

    [RecordData(IsIndexed = true, IsFullTextIndexed = true)]
    public string? Title { get; set; }

    [RecordData]
    public string? Body { get; init; }

    [RecordData(IsIndexed = true)]
    public int Stars { get; set; }

    [RecordData]
    public float Price { get; set; }

    [RecordData(IsIndexed = true, Name = "written_at")]
    public DateTime Written { get; set; }

    [RecordData(IsIndexed = true)]
    public List<string>? Tags { get; set; }

    [RecordData(IsIndexed = true)]
    public DayOfWeek Day { get; set; }

    [RecordData(IsIndexed = true)]
    public int? Maybe { get; set; }

    [RecordData(IsIndexed = true)]
    public bool IsDone { get; set; }

    [RecordVector(3)]
    public ReadOnlyMemory<float> Embedding { get; set; }

    [RecordVector(2)]
    public Half[]? Small { get; set; }

    [RecordVector(2, DistanceFunction = DistanceFunction.DotProductSimilarity)]
    public ReadOnlyMemory<sbyte>? Tiny { get; set; }

    [RecordVector(11)]
    public ReadOnlyMemory<byte> Bits { get; set; }
}
