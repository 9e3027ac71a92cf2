using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Indexes;

/// <summary>Where the nodes of a graph on disk are read from: a mapped file, memory, or an encrypted file that is read page by page.</summary>
internal sealed unsafe class DiskNodes
{
    private readonly StorageView? _view; // kept alive with this
    private readonly DecryptedFile? _file;
    private readonly long _offset;

    /// <param name="view">What has them all.</param>
    /// <param name="address">Where they begin.</param>
    public DiskNodes(StorageView view, byte* address)
    {
        _view = view;
        Address = address;
    }

    /// <param name="file">The file.</param>
    /// <param name="offset">Where they begin in its content.</param>
    public DiskNodes(DecryptedFile file, long offset) => (_file, _offset) = (file, offset);

    /// <summary>Where they begin in memory; null when they have to be read.</summary>
    public byte* Address { get; }

    /// <summary>The bytes from an offset on: where they stand, or copied.</summary>
    /// <param name="offset">From the first node.</param>
    /// <param name="buffer">Takes them when they have to be read.</param>
    /// <param name="count">How many.</param>
    public byte* At(long offset, byte* buffer, int count)
    {
        if (_file is null)
        {
            return Address + offset;
        }

        _file.Read(_offset + offset, new Span<byte>(buffer, count));
        return buffer;
    }
}
