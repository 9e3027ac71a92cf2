using System.Security.Cryptography;
using System.Text;

namespace Abi.Database.Encryption;

/// <summary>
/// What an encrypted database is encrypted with: a random data key, from which every file has keys of its own by HKDF-SHA-256 (RFC 5869).
/// <para>
/// No nonce comes twice under a key. A page file's key is derived from 256 random bits drawn when the file is made; its nonces are page numbers, and each page is sealed once, since such a file is
/// written once and never opened for writing again. A log segment's key is derived from its database and number and 128 random bits drawn by whoever goes on writing it; nonces are the offsets of
/// frames, which only grow, since a log that failed takes nothing more. So neither a tail that was cut off, nor a copy of the folder that goes its own way
/// meets an earlier key.
/// </para>
/// </summary>
/// <remarks>Thread-safe. Disposing of it zeroes the data key.</remarks>
internal sealed class StorageEncryption : IDisposable
{
    private readonly Lock _gate = new();
    private readonly byte[] _dataKey; // pinned, [32]
    private readonly List<WeakReference<IDisposable>> _ending = []; // open readers, which have keys of their own
    private bool _isDisposed;

    /// <param name="dataKey">The data key, in pinned memory; zeroed when this is disposed of.</param>
    /// <param name="memory">Where decrypted content is counted.</param>
    public StorageEncryption(byte[] dataKey, DecryptedMemory memory)
    {
        _dataKey = dataKey;
        Memory = memory;
    }

    public DecryptedMemory Memory { get; }

    /// <summary>A cipher under a key derived from the data key.</summary>
    /// <param name="salt">Random bytes that no other key was derived with.</param>
    /// <param name="purpose">What the key is for.</param>
    /// <param name="context">What it is bound to.</param>
    public AuthenticatedCipher Derive(ReadOnlySpan<byte> salt, string purpose, ReadOnlySpan<byte> context)
    {
        var key = AuthenticatedCipher.NewKey();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            HKDF.DeriveKey(HashAlgorithmName.SHA256, _dataKey, key, salt, [.. Encoding.ASCII.GetBytes(purpose), 0, .. context]);
        }

        return new AuthenticatedCipher(key);
    }

    /// <summary>Seals the data key itself.</summary>
    public void Wrap(AuthenticatedCipher cipher, ReadOnlySpan<byte> additional, Span<byte> target)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            cipher.Seal(0, additional, _dataKey, target);
        }
    }

    /// <summary>Disposes of a reader with this, if it is still in use then.</summary>
    public void EndWithKeys(IDisposable reader)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _ending.RemoveAll(one => !one.TryGetTarget(out _));
            _ending.Add(new WeakReference<IDisposable>(reader));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            CryptographicOperations.ZeroMemory(_dataKey);
            foreach (var one in _ending)
            {
                if (one.TryGetTarget(out var reader))
                {
                    reader.Dispose();
                }
            }

            _ending.Clear();
        }
    }
}
