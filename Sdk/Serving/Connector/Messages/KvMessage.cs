namespace Nixl.Sdk.Serving;

/// <summary>A notification of the connector, decoded. Immutable; of a peer, so nothing in it is believed without a check.</summary>
/// <param name="Kind">What it is.</param>
internal abstract record KvMessage(KvMessageKind Kind);

/// <summary>The owner of blocks lets a peer at them: a request for WRITEs, or an offer for READs.</summary>
/// <param name="Kind">Request or Offer.</param>
/// <param name="Id">Random; names this access in all later messages.</param>
/// <param name="ToPool">The receiver's pool.</param>
/// <param name="FromPool">The sender's pool, whose blocks these are.</param>
/// <param name="Name">The engines' own name of the request.</param>
/// <param name="Heartbeat">How often a heartbeat is wanted.</param>
/// <param name="Timeout">When the sender gives up, from now.</param>
/// <param name="Groups">The blocks; no group at all if nothing has to move.</param>
/// <param name="Payload">The engine's own bytes.</param>
internal sealed record KvAccessMessage(
    KvMessageKind Kind, ulong Id, string ToPool, string FromPool, string Name, TimeSpan Heartbeat, TimeSpan Timeout,
    IReadOnlyList<KvAccessGroup> Groups, ReadOnlyMemory<byte> Payload) : KvMessage(Kind)
{
    /// <summary>A request: WRITEs have to come with checksums. An offer: it has those of its groups.</summary>
    public bool HasChecksums { get; init; }
}

/// <summary>What a WRITE has written; comes with the WRITE.</summary>
/// <param name="Id">The access.</param>
/// <param name="Group">Index in <see cref="KvAccessMessage.Groups"/>.</param>
/// <param name="Runs">The declaration.</param>
internal sealed record KvWroteMessage(ulong Id, int Group, ArrivalRun[] Runs) : KvMessage(KvMessageKind.Wrote)
{
    /// <summary>A checksum of each layer of each block of each run, in this order; empty if none were asked for.</summary>
    public ulong[] Sums { get; init; } = [];
}

/// <summary>A piece of a message that is longer than a notification: a request or an offer.</summary>
/// <param name="Id">Of the access in it.</param>
/// <param name="Index">Its place, from 0.</param>
/// <param name="Count">Pieces of the message; at least 2.</param>
/// <param name="Bytes">Of the message; at least 1.</param>
internal sealed record KvPartMessage(ulong Id, int Index, int Count, byte[] Bytes) : KvMessage(KvMessageKind.Part);

/// <summary>These accesses are still needed.</summary>
/// <param name="Ids">At least one.</param>
internal sealed record KvHeartbeatMessage(ulong[] Ids) : KvMessage(KvMessageKind.Heartbeat);

/// <summary>An access has ended: its holder's transport cannot touch the blocks any more.</summary>
/// <param name="Id">The access.</param>
/// <param name="Outcome">How.</param>
/// <param name="Reason">Why, in words; empty after success.</param>
/// <param name="Payload">The engine's own bytes.</param>
internal sealed record KvEndMessage(ulong Id, KvOutcome Outcome, string Reason, ReadOnlyMemory<byte> Payload) : KvMessage(KvMessageKind.End)
{
    /// <summary>What its holder has moved; in microseconds at most a day.</summary>
    public KvMoved Moved { get; init; }
}

/// <summary>The owner asks for the end of an access.</summary>
/// <param name="Id">The access.</param>
internal sealed record KvCancelMessage(ulong Id) : KvMessage(KvMessageKind.Cancel);

/// <summary>Whether the receiver would take a request, or an offer, of the sender.</summary>
/// <param name="Id">Random; comes back with the answer.</param>
/// <param name="What">Request or Offer.</param>
/// <param name="ToPool">The receiver's pool.</param>
/// <param name="FromPool">The sender's pool.</param>
internal sealed record KvAskMessage(ulong Id, KvMessageKind What, string ToPool, string FromPool) : KvMessage(KvMessageKind.Ask);

/// <summary>Whether it would.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Answer">The answer.</param>
internal sealed record KvAnswerMessage(ulong Id, KvAnswer Answer) : KvMessage(KvMessageKind.Answer);
