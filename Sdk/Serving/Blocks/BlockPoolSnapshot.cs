namespace Nixl.Sdk.Serving;

/// <summary>
/// All counts of a <see cref="BlockPool"/> at one moment. Each block is in exactly one state, so that the seven states add up to
/// <see cref="Blocks"/>; one that several leases share is where the most careful of them has it. Immutable.
/// </summary>
public readonly record struct BlockPoolSnapshot
{
    /// <summary>All blocks.</summary>
    public int Blocks { get; init; }

    /// <summary>Nobody's.</summary>
    public int Free { get; init; }

    /// <summary>Nobody's, but known by hash; a reservation gets them when no free one is left.</summary>
    public int Cached { get; init; }

    /// <summary>Owned and empty, or being computed by the owner.</summary>
    public int Reserved { get; init; }

    /// <summary>Owned; somebody else may touch them.</summary>
    public int InFlight { get; init; }

    /// <summary>Owned; nobody writes any more, and no arrival has been taken yet.</summary>
    public int Quiesced { get; init; }

    /// <summary>Owned and complete.</summary>
    public int Ready { get; init; }

    /// <summary>Given up or expired while somebody else may still touch them.</summary>
    public int Quarantined { get; init; }

    /// <summary>Reservations that wait.</summary>
    public int Waiting { get; init; }

    /// <summary>Grants and operations of our own that are open.</summary>
    public int OpenGrants { get; init; }

    /// <summary>Prefix blocks that reservations asked for since the start.</summary>
    public long PrefixBlocksAsked { get; init; }

    /// <summary>Those of them that were there.</summary>
    public long PrefixBlocksHit { get; init; }

    /// <summary>Cached blocks that a reservation took away since the start.</summary>
    public long Evictions { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.Unknown"/> since the start.</summary>
    public long RefusedUnknown { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.Stale"/> since the start.</summary>
    public long RefusedStale { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.NotGranted"/> since the start.</summary>
    public long RefusedNotGranted { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.Expired"/> since the start.</summary>
    public long RefusedExpired { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.GivenUp"/> since the start.</summary>
    public long RefusedGivenUp { get; init; }

    /// <summary>Messages refused with <see cref="LeaseAnswer.Malformed"/> since the start.</summary>
    public long RefusedMalformed { get; init; }
}
