namespace Nixl.Sdk.Serving;

/// <summary>What a pool answers to a message about a lease. All but <see cref="Accepted"/> are refusals, and counted.</summary>
public enum LeaseAnswer
{
    /// <summary>Done.</summary>
    Accepted = 0,

    /// <summary>No open grant has this token: it has ended, or there never was one.</summary>
    Unknown = 1,

    /// <summary>The token was given by an earlier incarnation of this agent.</summary>
    Stale = 2,

    /// <summary>The token belongs to another peer, or to another incarnation of it, or to another kind of access.</summary>
    NotGranted = 3,

    /// <summary>The grant has expired. Nothing new is served; an end that the message states still counts.</summary>
    Expired = 4,

    /// <summary>The owner has given the lease up. Nothing is served; an end that the message states still counts.</summary>
    GivenUp = 5,

    /// <summary>What the peer declares does not fit the lease, is not what its transport has counted, or is in crumbs. Nothing of it counts.</summary>
    Malformed = 6,
}
