namespace Nixl.Sdk.Serving;

/// <summary>What a connector has counted since its start, and what it has open.</summary>
public sealed record KvConnectorSnapshot
{
    /// <summary>Accesses that peers have to blocks of this agent.</summary>
    public int Given { get; init; }

    /// <summary>Accesses that this agent has to blocks of peers.</summary>
    public int Held { get; init; }

    /// <summary>Notifications that were the connector's.</summary>
    public long Messages { get; init; }

    /// <summary>Notifications that were not, and went to <see cref="KvConnectorOptions.OtherNotification"/>.</summary>
    public long Others { get; init; }

    /// <summary>Notifications that were not, without anybody to get them.</summary>
    public long OthersDropped { get; init; }

    /// <summary>Messages about accesses that have ended or never were here: of an earlier life, late, or repeated. Dropped.</summary>
    public long Late { get; init; }

    /// <summary>Messages that could not be decoded, contradict what was agreed, or came only in part. Dropped.</summary>
    public long Malformed { get; init; }

    /// <summary>Messages about an access that was given to somebody else. Dropped.</summary>
    public long NotGranted { get; init; }

    /// <summary>Requests and offers that were refused: nobody here serves that pool, or too many or too long ones wait.</summary>
    public long Refused { get; init; }

    /// <summary>Checksums that were compared and are equal (<see cref="KvConnectorOptions.Checksums"/>): one of each layer of each block of each source rank.</summary>
    public long ChecksumsEqual { get; init; }

    /// <summary>Checksums that differ: those bytes were not served.</summary>
    public long ChecksumsDifferent { get; init; }

    /// <summary>Messages that could not be told to their peer within <see cref="KvConnectorOptions.ConfirmTimeout"/>.</summary>
    public long Undelivered { get; init; }
}
