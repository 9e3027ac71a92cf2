namespace Abi.Database;

/// <summary>When a write is acknowledged.</summary>
public enum Durability
{
    /// <summary>When the disk has it (fdatasync): it survives the end of the process and the loss of power. Writes that wait at the same time share a flush.</summary>
    Full,

    /// <summary>When the operating system has it: it survives the end of the process. The disk has it at most <see cref="DatabaseOptions.GroupInterval"/> later; a loss of power takes at most that much.</summary>
    Group,

    /// <summary>When the operating system has it. When the disk gets it is the system's affair; a loss of power takes what it had not written, never anything before that.</summary>
    Os,
}
