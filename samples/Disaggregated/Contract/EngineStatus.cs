namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What an engine does at one moment. Counters count from its start.</summary>
internal sealed record EngineStatus
{
    public required string Name { get; init; }

    public required EngineRole Role { get; init; }

    public required string Incarnation { get; init; }

    public required int ProcessId { get; init; }

    /// <summary>Warm, and takes requests.</summary>
    public required bool Ready { get; init; }

    /// <summary>Takes no more.</summary>
    public required bool Draining { get; init; }

    public required int TensorParallel { get; init; }

    public required int BlockTokens { get; init; }

    public required EngineQueue Queue { get; init; }

    /// <summary>Blocks of rank 0.</summary>
    public required EngineBlocks Blocks { get; init; }

    /// <summary>The same of the ranks after it, in their order.</summary>
    public required EngineBlocks[] BlocksOfOtherRanks { get; init; }

    /// <summary>Who keeps blocks from coming back, on any rank.</summary>
    public required EngineQuarantine[] Quarantine { get; init; }

    /// <summary>The engines that it is to be connected to.</summary>
    public required EnginePeer[] Peers { get; init; }

    /// <summary>Where prompts were computed, and why: reason to number.</summary>
    public required Dictionary<string, long> Prefills { get; init; }

    public required long PromptTokensComputed { get; init; }

    public required long TokensGenerated { get; init; }

    public required long RequestsFinished { get; init; }

    public required long RequestsFailed { get; init; }

    public required long RequestsAborted { get; init; }

    public required long Failovers { get; init; }
}

/// <summary>Requests of an engine, and the most that it takes.</summary>
internal sealed record EngineQueue(int Waiting, int Running, int Reserved, int Limit);

/// <summary>Blocks by state; they add up to <paramref name="Total"/>. <paramref name="Cached"/> are those of the free ones that hold a known prefix.</summary>
internal sealed record EngineBlocks(int Total, int Free, int Cached, int Reserved, int InFlight, int Quiesced, int Ready, int Quarantined);

/// <summary>Blocks that a peer may still touch although nobody wants them any more.</summary>
internal sealed record EngineQuarantine(string Peer, int Blocks, double AgeMs);

/// <summary>An engine that this one is to be connected to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Incarnation">Its incarnation.</param>
/// <param name="State">connecting, connected, lost or refused.</param>
/// <param name="Reason">Of the last failure, or of the choice of the transport.</param>
/// <param name="Transport">What carries the bytes; empty until it is connected.</param>
/// <param name="Bytes">KV bytes that came from there (decode) or went there (prefill).</param>
/// <param name="Requests">Hand-overs that succeeded.</param>
/// <param name="Failures">Hand-overs that did not.</param>
internal sealed record EnginePeer(string Name, string Incarnation, string State, string Reason, string Transport, long Bytes, long Requests, long Failures);
