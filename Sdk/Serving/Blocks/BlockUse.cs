namespace Nixl.Sdk.Serving;

/// <summary>Whether somebody other than the owner may touch a lease's blocks.</summary>
internal enum BlockUse : byte
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>Somebody, and the owner still wants it.</summary>
    InFlight = 1,

    /// <summary>Somebody, although the owner has given the lease up or it has expired.</summary>
    Quarantined = 2,
}
