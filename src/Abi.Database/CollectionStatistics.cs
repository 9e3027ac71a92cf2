using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>What a collection holds.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Count">Its records.</param>
/// <param name="Definition">What its records are made of.</param>
/// <param name="Vectors">Its vector fields.</param>
/// <param name="Damage">What is damaged, when it is; nothing of it can be read or written then.</param>
public sealed record CollectionStatistics(string Name, int Count, CollectionDefinition Definition, ImmutableArray<VectorStatistics> Vectors, DatabaseCorruptException? Damage)
{
    /// <summary>Bytes of its records and vectors that are in memory decrypted, as <see cref="DatabaseOptions.DecryptedBytes"/> counts them; 0 in a database that is not encrypted.</summary>
    public long DecryptedBytes { get; init; }
}
