namespace Nixl.Sdk.Serving;

/// <summary>A prompt's cache has come.</summary>
/// <param name="Arrivals">For each group what has come; null where nothing had to.</param>
/// <param name="Payloads">The engine's own bytes of each rank of the source, for example the first token.</param>
public sealed record KvReceived(IReadOnlyList<Arrival?> Arrivals, IReadOnlyList<ReadOnlyMemory<byte>> Payloads)
{
    /// <summary>Whether everything has come and the leases are ready. False only with <see cref="ArrivalPolicy.Recompute"/>: compute
    /// <see cref="Arrival.BlocksToRecompute"/> and say so with <see cref="BlockLease.MarkRecomputed"/>.</summary>
    public bool IsComplete => Arrivals.All(static arrival => arrival is null || arrival.IsComplete);
}
