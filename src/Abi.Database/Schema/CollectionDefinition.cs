using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>What the records of a collection are made of. Given once, when the collection is created, and kept with it.</summary>
public sealed record CollectionDefinition
{
    /// <summary>The type of the keys.</summary>
    public KeyKind Key { get; init; } = KeyKind.Text;

    /// <summary>The name of the key in records that are dictionaries.</summary>
    public string KeyName { get; init; } = "Key";

    /// <summary>The data fields.</summary>
    public ImmutableArray<DataField> Data { get; init; } = [];

    /// <summary>The vector fields.</summary>
    public ImmutableArray<VectorField> Vectors { get; init; } = [];

    /// <summary>How long after it was written a record lives; unset, for ever. A record that has outlived it is not found any more, and deleted some time later.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Compares field by field.</summary>
    public bool Equals(CollectionDefinition? other) =>
        other is not null && Key == other.Key && KeyName == other.KeyName && TimeToLive == other.TimeToLive && Data.SequenceEqual(other.Data) && Vectors.SequenceEqual(other.Vectors);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, KeyName, TimeToLive, Data.Length, Vectors.Length);
}
