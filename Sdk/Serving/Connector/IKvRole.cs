namespace Nixl.Sdk.Serving;

/// <summary>A producer or a consumer of one pool, as the connector sees it.</summary>
internal interface IKvRole
{
    /// <summary>The kind of message that begins an access for it.</summary>
    KvMessageKind Accepts { get; }

    /// <summary>The local pool's name.</summary>
    string Pool { get; }

    /// <summary>A peer lets us at its blocks. Must not block. Null if taken over, else why it is refused.</summary>
    string? Begin(KvHeld held);

    /// <summary>Whether it takes accesses of a peer's pool.</summary>
    bool WouldTake(PeerIdentity peer, string pool);
}
