namespace Nixl.Sdk.Serving;

/// <summary>What an owner does with a lease of which not everything has come.</summary>
public enum ArrivalPolicy
{
    /// <summary>Nothing is used: the request fails, or asks again.</summary>
    FailClosed = 0,

    /// <summary>The owner computes the missing blocks itself; <see cref="Arrival.BlocksToRecompute"/> names them.</summary>
    Recompute = 1,
}
