using Abi.Database.Rows;

namespace Abi.Database.Engine;

/// <summary>A collection as a checkpoint writes it: the snapshot is held until this is disposed of, so that no slot of it is used again.</summary>
internal sealed class SavedCollection(CollectionHandle handle, CollectionStore store) : IDisposable
{
    private readonly (int Place, CollectionView View) _read = store.BeginRead();

    public CollectionHandle Handle => handle;

    public CollectionStore Store => store;

    public CollectionView View => _read.View;

    /// <summary>Nodes that were linked since the graphs were last written.</summary>
    public int Linked { get; } = store.LinkedSinceSave;

    /// <summary>The slot of each row that was written.</summary>
    public int[] Order { get; set; } = [];

    public void Dispose() => store.EndRead(_read.Place);
}
