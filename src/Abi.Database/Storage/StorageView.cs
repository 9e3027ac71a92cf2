namespace Abi.Database.Storage;

/// <summary>Memory that holds a file's bytes: mapped copy-on-write, or a copy. Lives until disposed of, or collected.</summary>
internal abstract unsafe class StorageView : IDisposable
{
    public abstract byte* Address { get; }

    public abstract long Length { get; }

    public abstract void Dispose();
}
