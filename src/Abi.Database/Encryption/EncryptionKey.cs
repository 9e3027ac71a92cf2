using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Abi.Database.Encryption;

namespace Abi.Database;

/// <summary>
/// What opens an encrypted database: a key of 32 bytes, or a passphrase. The database's files are encrypted with a random data key that lies in the file <c>abi.keys</c>, wrapped by this one; so
/// <see cref="VectorDatabase.ChangeKeyAsync"/> rewrites that file only.
/// </summary>
/// <remarks>Thread-safe. The same key opens any number of databases. Disposing of it zeroes it in memory; databases that are open do not need it any more.</remarks>
public sealed class EncryptionKey : IDisposable
{
    /// <summary>The iterations of PBKDF2 unless said otherwise.</summary>
    public const int DefaultIterations = 600_000;

    internal const int LeastIterations = 100_000;
    internal const int MostIterations = 10_000_000;
    private const int LargestFile = 4096;

    private readonly Lock _gate = new();
    private readonly byte[] _secret; // pinned: the key [32], or the passphrase in UTF-8
    private bool _isDisposed;

    private EncryptionKey(byte[] secret, int iterations)
    {
        _secret = secret;
        Iterations = iterations;
    }

    /// <summary>0 for a key.</summary>
    internal int Iterations { get; }

    internal bool IsPassphrase => Iterations > 0;

    /// <summary>A key.</summary>
    /// <param name="key">32 bytes, from a source of randomness or a store of keys; copied.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public static EncryptionKey FromBytes(ReadOnlySpan<byte> key)
    {
        if (key.Length != AuthenticatedCipher.KeyBytes)
        {
            throw new ArgumentException($"A key has {AuthenticatedCipher.KeyBytes} bytes; {key.Length} were given. For a passphrase there is {nameof(FromPassphrase)}.", nameof(key));
        }

        return new EncryptionKey(Pinned(key), 0);
    }

    /// <summary>A key derived from a passphrase by PBKDF2-HMAC-SHA-256 (RFC 8018), with a random salt that is kept in <c>abi.keys</c> with the iterations.</summary>
    /// <param name="passphrase">The passphrase; copied.</param>
    /// <param name="iterations">How often to iterate when a database is made or its key changed: 100,000 to 10,000,000. Opening one takes what is kept with it.</param>
    /// <exception cref="ArgumentException">The passphrase is empty.</exception>
    public static EncryptionKey FromPassphrase(ReadOnlySpan<char> passphrase, int iterations = DefaultIterations)
    {
        if (passphrase.IsEmpty)
        {
            throw new ArgumentException("The passphrase is empty.", nameof(passphrase));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, LeastIterations);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(iterations, MostIterations);
        var secret = GC.AllocateArray<byte>(Encoding.UTF8.GetByteCount(passphrase), pinned: true);
        Encoding.UTF8.GetBytes(passphrase, secret);
        return new EncryptionKey(secret, iterations);
    }

    /// <summary>A key that a file holds: 32 bytes, or their 64 hexadecimal digits and nothing but white space after them.</summary>
    /// <exception cref="DatabaseKeyException">The file holds something else.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static EncryptionKey FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var bytes = GC.AllocateArray<byte>(LargestFile, pinned: true);
        try
        {
            using var file = File.OpenHandle(path);
            var length = RandomAccess.Read(file, bytes, 0);
            return TryRead(bytes.AsSpan(0, length), out var key)
                ? key
                : throw new DatabaseKeyException($"The file {Path.GetFullPath(path)} holds no key: 32 bytes, or 64 hexadecimal digits, were expected; it has {length} bytes.", DatabaseKeyProblem.Wrong);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Zeroes the key.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            CryptographicOperations.ZeroMemory(_secret);
        }
    }

    /// <summary>The cipher that wraps data keys.</summary>
    internal AuthenticatedCipher WrappingCipher(ReadOnlySpan<byte> salt, int iterations)
    {
        var key = AuthenticatedCipher.NewKey();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (IsPassphrase)
            {
                Rfc2898DeriveBytes.Pbkdf2(_secret, salt, key, iterations, HashAlgorithmName.SHA256);
            }
            else
            {
                HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, key, salt, "abi/key-file/1"u8);
            }
        }

        return new AuthenticatedCipher(key);
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out EncryptionKey? key)
    {
        key = null;
        if (bytes.Length == AuthenticatedCipher.KeyBytes)
        {
            key = FromBytes(bytes);
            return true;
        }

        var digits = bytes.TrimEnd(" \t\r\n"u8);
        if (digits.Length != 2 * AuthenticatedCipher.KeyBytes)
        {
            return false;
        }

        var secret = AuthenticatedCipher.NewKey();
        for (var i = 0; i < secret.Length; i++)
        {
            if (!byte.TryParse(digits.Slice(2 * i, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out secret[i]))
            {
                CryptographicOperations.ZeroMemory(secret);
                return false;
            }
        }

        key = new EncryptionKey(secret, 0);
        return true;
    }

    private static byte[] Pinned(ReadOnlySpan<byte> bytes)
    {
        var copy = GC.AllocateArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(copy);
        return copy;
    }
}
