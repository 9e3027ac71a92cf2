namespace Abi.Database.Indexes;

/// <summary>Where a slot's vector stands.</summary>
internal enum SlotState : byte
{
    /// <summary>The slot has no vector of this field.</summary>
    None,

    /// <summary>It has one, and no graph is kept.</summary>
    Loose,

    /// <summary>It waits to be put into the graph; searches compare it exactly.</summary>
    Pending,

    /// <summary>It is in the graph.</summary>
    Linked,
}
