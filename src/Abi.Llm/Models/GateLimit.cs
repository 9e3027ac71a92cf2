namespace Abi.Llm.Models;

/// <summary>Where the gate of a feed-forward network is limited.</summary>
internal enum GateLimit
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>Before its function, and in experts alone (Maple).</summary>
    BeforeFunction,

    /// <summary>Behind its function (Step 3.5).</summary>
    BehindFunction,
}
