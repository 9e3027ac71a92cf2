namespace Abi.Database.Rows;

/// <summary>The first byte of a commit and of each of its operations.</summary>
internal enum OpCode : byte
{
    /// <summary>Commit: a collection is made. [schema].</summary>
    CreateCollection = 1,

    /// <summary>Commit: a collection goes. [id i32].</summary>
    DropCollection = 2,

    /// <summary>Commit: records of a collection change, all together. [id i32, operations i32, operations].</summary>
    Write = 3,

    /// <summary>Operation: [expiry i64 (UTC ticks, 0: never), payload block, then for each vector field a byte 0 or 1 and the vector's bytes].</summary>
    Upsert = 16,

    /// <summary>Operation: [key block].</summary>
    Delete = 17,

    /// <summary>Operation: [now i64 (UTC ticks), key block]: deletes the record if it is outlived by then.</summary>
    DeleteExpired = 18,
}
