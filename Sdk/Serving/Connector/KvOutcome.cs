namespace Nixl.Sdk.Serving;

/// <summary>How a hand-over ended.</summary>
public enum KvOutcome
{
    /// <summary>Everything was moved and confirmed.</summary>
    Completed = 0,

    /// <summary>One side asked for the end.</summary>
    Cancelled = 1,

    /// <summary>The peer could not go on; it says why.</summary>
    Failed = 2,

    /// <summary>The peer did not begin; it says why.</summary>
    Refused = 3,

    /// <summary>The deadline passed.</summary>
    TimedOut = 4,

    /// <summary>The connection to the peer is gone, or the peer was restarted.</summary>
    PeerLost = 5,

    /// <summary>Heartbeats stayed away for too long.</summary>
    Expired = 6,

    /// <summary>What came is not what the producer had there: its checksum differs (<see cref="KvConnectorOptions.Checksums"/>).</summary>
    Corrupted = 7,
}
