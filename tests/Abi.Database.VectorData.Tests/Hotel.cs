using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Tests;

internal sealed class Hotel
{
    [VectorStoreKey]
    public string Id { get; set; } = "";

    [VectorStoreData(IsIndexed = true, StorageName = "hotel_name")]
    public string? Name { get; set; }

    [VectorStoreData(IsFullTextIndexed = true)]
    public string? Description { get; set; }

    [VectorStoreData(IsIndexed = true)]
    public int Stars { get; set; }

    [VectorStoreData(IsIndexed = true)]
    public int? Rooms { get; set; }

    [VectorStoreData(IsIndexed = true)]
    public List<string>? Tags { get; set; }

    [VectorStoreData(IsIndexed = true)]
    public bool IsOpen { get; set; }

    [VectorStoreVector(2)]
    public ReadOnlyMemory<float> Place { get; set; }

    public string Unmapped { get; set; } = "kept out";

    public static Hotel[] Some =>
    [
        new() { Id = "a", Name = "Sea", Description = "a house at the sea with boats", Stars = 3, Rooms = 10, Tags = ["sea", "boats"], IsOpen = true, Place = new float[] { 1, 0 } },
        new() { Id = "b", Name = "Hill", Description = "a quiet house on the hill", Stars = 5, Tags = ["hill"], Place = new float[] { 0.8f, 0.6f } },
        new() { Id = "c", Name = "Inn", Description = "beds and beer", Stars = 3, Rooms = 4, Tags = [], IsOpen = true, Place = new float[] { 0, 1 } },
        new() { Id = "d", Name = null, Description = null, Stars = 1, Place = new float[] { -1, 0 } },
    ];
}
