namespace Nixl.Sdk.Serving;

/// <summary>
/// Where a block, or the lease that holds it, is in its life. <see cref="BlockLease"/> draws the transitions.
/// </summary>
public enum BlockState
{
    /// <summary>Nobody's. Of a lease: given back completely.</summary>
    Free = 0,

    /// <summary>Nobody's, but its content is still known by hash: a prefix hit takes it, a reservation evicts it. Only of blocks.</summary>
    Cached = 1,

    /// <summary>Owned; nothing in it, or only what the owner itself computes.</summary>
    Reserved = 2,

    /// <summary>Owned, and somebody else may read or write it at this moment.</summary>
    InFlight = 3,

    /// <summary>Owned; nobody writes it any more. What is in it counts for nothing before an arrival says so.</summary>
    Quiesced = 4,

    /// <summary>Owned; its content is complete.</summary>
    Ready = 5,

    /// <summary>Given up or expired while somebody else may still read or write it. Not free until that is certainly over.</summary>
    Quarantined = 6,
}
