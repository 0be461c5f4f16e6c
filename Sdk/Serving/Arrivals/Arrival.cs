namespace Nixl.Sdk.Serving;

/// <summary>
/// States what has come into a lease after its last writer has ended. Only <see cref="BlockLease.GetArrival"/> makes one, from what the
/// senders declared and their transports counted; only a complete one makes a lease ready.
/// </summary>
/// <remarks>Immutable, thread-safe.</remarks>
public sealed class Arrival
{
    internal Arrival(BlockLease lease, int version, bool isComplete, IReadOnlyList<ArrivalGap> gaps, IReadOnlyList<int> blocksToRecompute)
    {
        Lease = lease;
        Version = version;
        IsComplete = isComplete;
        Gaps = gaps;
        BlocksToRecompute = blocksToRecompute;
    }

    /// <summary>The lease.</summary>
    public BlockLease Lease { get; }

    /// <summary>Whether every byte of every layer and block has come from every source rank of the plan.</summary>
    public bool IsComplete { get; }

    /// <summary>What has not, by source rank, layer and block.</summary>
    public IReadOnlyList<ArrivalGap> Gaps { get; }

    /// <summary>Positions in the lease, ascending, of the blocks of which something is missing. What is in them is a mixture.</summary>
    public IReadOnlyList<int> BlocksToRecompute { get; }

    /// <summary>Of the coverage that it was taken from: what came or was granted later makes it worthless.</summary>
    internal int Version { get; }
}
