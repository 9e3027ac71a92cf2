using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Abi.Database.Encryption;

/// <summary>AES-256-GCM under one key, with numbers as nonces. Whoever seals gives each number once: see <see cref="StorageEncryption"/> for why none comes twice under a key.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class AuthenticatedCipher : IDisposable
{
    public const int KeyBytes = 32;
    public const int TagBytes = 16;
    private const int NonceBytes = 12;

    private readonly byte[] _key;
    private readonly ConcurrentBag<AesGcm> _idle = []; // an AesGcm is for one thread at a time
    private volatile bool _isDisposed;

    /// <param name="key">The key, 32 bytes in pinned memory; zeroed when the cipher is disposed of.</param>
    public AuthenticatedCipher(byte[] key) => _key = key;

    ~AuthenticatedCipher() => CryptographicOperations.ZeroMemory(_key); // of a file that nobody reads any more; the array is the only thing that may still be touched

    /// <summary>Is told of each use of a nonce: the key's SHA-256 and the number. For tests.</summary>
    internal static Action<byte[], ulong>? Watcher { get; set; }

    /// <summary>Memory for a key, which the garbage collector does not copy about.</summary>
    public static byte[] NewKey() => GC.AllocateArray<byte>(KeyBytes, pinned: true);

    /// <summary>Encrypts, and makes the tag of both.</summary>
    /// <param name="number">The nonce; never given before under this key.</param>
    /// <param name="additional">What the tag is to cover besides.</param>
    /// <param name="plain">The content.</param>
    /// <param name="target">Takes the ciphertext, as long as the content, and the tag of 16 bytes. Must not overlap the content.</param>
    public void Seal(ulong number, ReadOnlySpan<byte> additional, ReadOnlySpan<byte> plain, Span<byte> target)
    {
        Watcher?.Invoke(SHA256.HashData(_key), number);
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Write(nonce, number);
        var cipher = Take();
        cipher.Encrypt(nonce, plain, target[..plain.Length], target.Slice(plain.Length, TagBytes), additional);
        Return(cipher);
    }

    /// <summary>Checks the tag and decrypts.</summary>
    /// <param name="number">The nonce.</param>
    /// <param name="additional">What the tag covers besides.</param>
    /// <param name="source">The ciphertext and the tag.</param>
    /// <param name="plain">Takes the content: apart from the ciphertext, or exactly where it stands.</param>
    /// <returns>False when these bytes were not sealed under this key with this number and addition; nothing is given out then.</returns>
    /// <exception cref="ObjectDisposedException">The cipher was disposed of, perhaps meanwhile.</exception>
    public bool TryOpen(ulong number, ReadOnlySpan<byte> additional, ReadOnlySpan<byte> source, Span<byte> plain)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Write(nonce, number);
        var cipher = Take();
        try
        {
            cipher.Decrypt(nonce, source[..^TagBytes], source[^TagBytes..], plain, additional);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this); // the key may have been zero in part already
            return false;
        }
        finally
        {
            Return(cipher);
        }
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref _isDisposed, true); // a full fence before looking: whoever returns a cipher meanwhile sees this, or it is seen here
        while (_idle.TryTake(out var cipher))
        {
            cipher.Dispose();
        }

        CryptographicOperations.ZeroMemory(_key);
        GC.SuppressFinalize(this);
    }

    private static void Write(Span<byte> nonce, ulong number)
    {
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], number);
    }

    private AesGcm Take()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _idle.TryTake(out var cipher) ? cipher : new AesGcm(_key, TagBytes);
    }

    private void Return(AesGcm cipher)
    {
        _idle.Add(cipher);
        Interlocked.MemoryBarrier();
        if (_isDisposed)
        {
            Dispose();
        }
    }
}
