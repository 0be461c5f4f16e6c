namespace Nixl.Sdk.Serving;

/// <summary>A prompt's cache has come.</summary>
/// <param name="Arrivals">For each group what has come; null where nothing had to.</param>
/// <param name="Payloads">The engine's own bytes of each rank of the source, for example the first token.</param>
public sealed record KvReceived(IReadOnlyList<Arrival?> Arrivals, IReadOnlyList<ReadOnlyMemory<byte>> Payloads)
{
    /// <summary>What each rank of the source has moved; of a push as the producer says.</summary>
    public IReadOnlyList<KvMoved> Moved { get; init; } = [];

    /// <summary>All ranks together: all bytes, and the time of the slowest, because they move side by side. For
    /// <see cref="KvAdvisor.ObserveTransfer"/>.</summary>
    public KvMoved MovedInAll => new(Moved.Sum(static moved => moved.Bytes), Moved.Count == 0 ? default : Moved.Max(static moved => moved.Time));

    /// <summary>Whether everything has come and the leases are ready. False only with <see cref="ArrivalPolicy.Recompute"/>: compute
    /// <see cref="Arrival.BlocksToRecompute"/> and say so with <see cref="BlockLease.MarkRecomputed"/>.</summary>
    public bool IsComplete => Arrivals.All(static arrival => arrival is null || arrival.IsComplete);
}
