using Abi.Database.Encryption;

namespace Abi.Database.Storage;

/// <summary>
/// All that a database does with its folder. The real one is <see cref="DiskStorage"/>; tests put one in its place that cuts the power, fails calls or damages bytes.
/// Names are file names inside the one folder; "folder/name" is one in a folder of it. Bytes are given and taken as they are on the disk; <see cref="StorageContent"/> has the content of files of an encrypted database.
/// </summary>
internal interface IStorage : IDisposable
{
    /// <summary>The folder, for messages.</summary>
    string Folder { get; }

    /// <summary>What the database here is encrypted with; null for a plain one. Whoever opens the database sets it.</summary>
    StorageEncryption? Encryption { get; set; }

    /// <summary>The names of all files.</summary>
    IReadOnlyList<string> List();

    bool Exists(string name);

    /// <summary>Opens a file for reading and writing, or creates it.</summary>
    IStorageFile Open(string name, bool create);

    /// <summary>Opens a file for reading only.</summary>
    IStorageFile OpenRead(string name);

    /// <summary>A private view of a whole file: its own writes are never seen by the file or by others.</summary>
    StorageView Map(string name);

    /// <summary>Gives a file another name, replacing what had it. Durable after <see cref="FlushFolder"/>.</summary>
    void Rename(string from, string to);

    void Delete(string name);

    /// <summary>Makes creations, renames and deletions durable.</summary>
    void FlushFolder();

    /// <summary>Takes the writer's lock. Null when another process or object has it.</summary>
    IDisposable? TryLock();

    /// <summary>The names of the folders in this one.</summary>
    IReadOnlyList<string> Folders();

    /// <summary>Opens a folder in this one, or makes it, durably. It is encrypted as its own user says.</summary>
    IStorage OpenFolder(string name, bool create);

    /// <summary>Deletes a folder in this one with all that is in it. Durable after <see cref="FlushFolder"/>.</summary>
    void DeleteFolder(string name);

    /// <summary>Opens the folder of a database in an archive of logs, which is on a disk of its own.</summary>
    /// <exception cref="DatabaseException">There is no archive.</exception>
    IStorage OpenArchive(string archive, Guid database);
}
