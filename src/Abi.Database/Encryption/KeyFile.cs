using System.Buffers.Binary;
using System.Security.Cryptography;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>
/// The file <c>abi.keys</c> of an encrypted database: its data key, wrapped by the user's. Replaced whole, as the manifest is.
/// [ "ABIKEY01", version i32, crc u32 of all that follows, kind i32 (0 key, 1 passphrase), iterations i32, salt [32], data key [32] encrypted, tag [16] ].
/// </summary>
internal static class KeyFile
{
    public const string Name = "abi.keys";
    private const int SaltOffset = 24;
    private const int SaltBytes = 32;
    private const int WrappedOffset = SaltOffset + SaltBytes;
    private const int FileBytes = WrappedOffset + AuthenticatedCipher.KeyBytes + AuthenticatedCipher.TagBytes;

    private static readonly SmallFile Format = new("ABIKEY01", 1, "a file of keys", "Put the file of a backup of this database in its place.");

    /// <summary>Unwraps the data key of a database, touching nothing.</summary>
    /// <param name="storage">Where the database is.</param>
    /// <param name="key">The user's key, or null.</param>
    /// <param name="decryptedBytes">The budget; 0 for half of the memory.</param>
    /// <returns>Null for a plain database without a key, and where there is no database.</returns>
    /// <exception cref="DatabaseKeyException">The key is missing, wrong, or for a database that is not encrypted.</exception>
    /// <exception cref="DatabaseCorruptException">The file is damaged, or missing while others are encrypted.</exception>
    public static StorageEncryption? Open(IStorage storage, EncryptionKey? key, long decryptedBytes)
    {
        if (!storage.Exists(Name))
        {
            if (key is not null && storage.List().Any(name => name == Manifest.FileName || LogFormat.Number(name) >= 0 || name.StartsWith("rows-", StringComparison.Ordinal)))
            {
                RefuseIfEncrypted(storage);
                throw new DatabaseKeyException($"The database {storage.Folder} is not encrypted, but a key was given. Open it without one; to encrypt it, make a backup and restore that with {nameof(RestoreOptions)}.{nameof(RestoreOptions.EncryptionKey)}.", DatabaseKeyProblem.NotEncrypted);
            }

            return null;
        }

        if (key is null)
        {
            throw new DatabaseKeyException($"The database {storage.Folder} is encrypted, and no key was given. Give the one that it was made with, or last changed to, as {nameof(DatabaseOptions)}.{nameof(DatabaseOptions.EncryptionKey)}.", DatabaseKeyProblem.Missing);
        }

        return new StorageEncryption(Unwrap(Read(storage), storage, key), Memory(decryptedBytes));
    }

    /// <summary>Makes the data key of a new database.</summary>
    public static StorageEncryption Create(IStorage storage, EncryptionKey key, long decryptedBytes)
    {
        var dataKey = AuthenticatedCipher.NewKey();
        RandomNumberGenerator.Fill(dataKey);
        var encryption = new StorageEncryption(dataKey, Memory(decryptedBytes));
        try
        {
            Write(storage, encryption, key);
            return encryption;
        }
        catch
        {
            encryption.Dispose();
            throw;
        }
    }

    /// <summary>Wraps the data key by a user's key. After a crash at any point the earlier file is there or this one.</summary>
    public static void Write(IStorage storage, StorageEncryption encryption, EncryptionKey key)
    {
        var writer = Format.Begin(FileBytes);
        writer.Int32(key.IsPassphrase ? 1 : 0);
        writer.Int32(key.Iterations);
        RandomNumberGenerator.Fill(writer.Take(SaltBytes));
        using (var cipher = key.WrappingCipher(writer.Span.Slice(SaltOffset, SaltBytes), key.Iterations))
        {
            encryption.Wrap(cipher, Additional(writer.Span), writer.Take(FileBytes - WrappedOffset));
        }

        Put(storage, SmallFile.Seal(writer));
    }

    /// <summary>Puts a file of keys in its place, durably.</summary>
    public static void Put(IStorage storage, ReadOnlySpan<byte> bytes)
    {
        var temporary = Name + ".tmp";
        if (storage.Exists(temporary))
        {
            storage.Delete(temporary);
        }

        using (var file = storage.Open(temporary, create: true))
        {
            file.Write(0, bytes);
            file.Flush();
        }

        storage.Rename(temporary, Name);
        storage.FlushFolder();
    }

    /// <summary>Reads the file and checks what can be checked without the key.</summary>
    public static byte[] Read(IStorage storage)
    {
        var path = Path.Combine(storage.Folder, Name);
        using var file = storage.OpenRead(Name);
        var bytes = Format.Read(file, FileBytes, path);
        var reader = new ByteReader(bytes.AsSpan(SmallFile.HeaderBytes));
        var (kind, iterations) = bytes.Length == FileBytes ? (reader.Int32(), reader.Int32()) : (-1, 0);
        if (kind is < 0 or > 1 || (kind == 0 ? iterations != 0 : iterations is < EncryptionKey.LeastIterations or > EncryptionKey.MostIterations))
        {
            throw new DatabaseCorruptException("The file of keys says what it cannot. Put the file of a backup of this database in its place.", path, SmallFile.HeaderBytes);
        }

        return bytes;
    }

    private static DecryptedMemory Memory(long decryptedBytes) => new(decryptedBytes > 0 ? decryptedBytes : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);

    private static byte[] Unwrap(byte[] bytes, IStorage storage, EncryptionKey key)
    {
        var isPassphrase = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(16)) == 1;
        if (isPassphrase != key.IsPassphrase)
        {
            throw new DatabaseKeyException($"The database {storage.Folder} was encrypted with a {(isPassphrase ? "passphrase" : "key")}, but a {(isPassphrase ? "key" : "passphrase")} was given.", DatabaseKeyProblem.Wrong);
        }

        using var cipher = key.WrappingCipher(bytes.AsSpan(SaltOffset, SaltBytes), BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(20)));
        var dataKey = AuthenticatedCipher.NewKey();
        return cipher.TryOpen(0, Additional(bytes), bytes.AsSpan(WrappedOffset), dataKey)
            ? dataKey
            : throw new DatabaseKeyException($"The {(isPassphrase ? "passphrase" : "key")} given is not the one of the database {storage.Folder}. Nothing was changed. Give the one that it was made with, or last changed to.", DatabaseKeyProblem.Wrong);
    }

    // All but the checksum, which covers the wrapped key.
    private static byte[] Additional(ReadOnlySpan<byte> bytes) => [.. bytes[..12], .. bytes[SmallFile.HeaderBytes..WrappedOffset]];

    private static void RefuseIfEncrypted(IStorage storage)
    {
        if (!storage.Exists(Manifest.FileName))
        {
            return;
        }

        var magic = new byte[8];
        using var file = storage.OpenRead(Manifest.FileName);
        if (file.Read(0, magic) == magic.Length && magic.AsSpan().SequenceEqual(PageFile.Magic))
        {
            throw new DatabaseCorruptException($"The database is encrypted, but {Name} with its data key is missing. Put the file of a backup of this database in its place.", Path.Combine(storage.Folder, Name));
        }
    }
}
