using Abi.Database.Rows;
using Abi.Database.Schema;

namespace Abi.Database.Engine;

/// <summary>A collection of an open database: stays the same while its store may be replaced.</summary>
internal sealed class CollectionHandle(CollectionSchema schema)
{
    private CollectionStore? _store;
    private DatabaseCorruptException? _damage;
    private int _isMaintained;

    public CollectionSchema Schema => schema;

    /// <summary>Where writes wait for the graphs.</summary>
    public WriteStall Stall { get; } = new();

    /// <summary>Whether it was dropped.</summary>
    public bool IsDropped { get; set; }

    /// <summary>What is damaged; null when nothing is.</summary>
    public DatabaseCorruptException? Damage => Volatile.Read(ref _damage);

    /// <summary>Where it stands in the manifest; null while it was never saved.</summary>
    public ManifestEntry? Saved { get; set; }

    /// <summary>Whether commits or graph growth are not in the files of <see cref="Saved"/>.</summary>
    public bool IsDirty { get; set; } = true;

    /// <summary>Set while the background works on it.</summary>
    public ref int IsMaintained => ref _isMaintained;

    /// <summary>The store.</summary>
    /// <exception cref="DatabaseCorruptException">The collection's file is damaged.</exception>
    /// <exception cref="DatabaseException">It was dropped.</exception>
    public CollectionStore Store => IsDropped
        ? throw new DatabaseException($"The collection '{schema.Name}' was deleted.")
        : Volatile.Read(ref _store) ?? throw new DatabaseCorruptException($"The collection '{schema.Name}' is damaged and cannot be read or written; the others can. {Damage!.Message}", Damage.Path, Damage.Offset);

    public CollectionStore? StoreOrNull => Volatile.Read(ref _store);

    public void Set(CollectionStore store) => Volatile.Write(ref _store, store);

    public void SetDamage(DatabaseCorruptException damage) => Volatile.Write(ref _damage, damage);
}
