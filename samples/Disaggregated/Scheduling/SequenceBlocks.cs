using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Gives sequences their blocks on every rank: shared ones for a prefix that is known, poisoned ones for what is to be computed. The ranks' pools
/// are nearly in step, but not quite: what a peer keeps in quarantine, and what was evicted, differs.
/// </summary>
/// <param name="pools">Of each rank.</param>
/// <param name="caches">Of each rank.</param>
/// <param name="hasher">Null: nothing is shared.</param>
internal sealed class SequenceBlocks(IReadOnlyList<BlockPool> pools, IReadOnlyList<PagedKvCache> caches, BlockHasher? hasher)
{
    private readonly int _blockTokens = caches[0].BlockTokens;

    internal int Total => pools.Min(pool => pool.Blocks);

    internal int BlocksFor(int tokens) => caches[0].BlocksFor(tokens);

    internal bool CanGrow(Sequence sequence) => sequence.Blocks < BlocksFor(sequence.MaxPositions);

    /// <summary>Blocks for all tokens that are known, or for the longest answer of a pinned sequence; all of them or none.</summary>
    internal bool TryAdmit(Sequence sequence, int keepFree)
    {
        // Never of all tokens: the last one is computed, for its logits, into a block of the sequence's own.
        var known = hasher is null ? 0 : (sequence.Tokens.Length - 1) / _blockTokens;
        var needed = BlocksFor(sequence.Spec.Pinned ? sequence.MaxPositions : sequence.Tokens.Length);
        if (Reserve(needed, known == 0 ? [] : sequence.HashesOf(known, hasher!)) is not { } leases) return false;
        if (keepFree > 0 && pools.Any(pool => Available(pool) < keepFree))
        {
            foreach (var lease in leases) lease.Dispose();
            return false;
        }
        var cached = leases[0].CachedBlocks;
        sequence.SetLeases(leases);
        sequence.ComputedTokens = sequence.CachedTokens = cached * _blockTokens;
        sequence.PublishedBlocks = sequence.CleanBlocks = cached;
        return true;
    }

    /// <summary>Takes over blocks that hold the prompt already.</summary>
    internal void Adopt(Sequence sequence, BlockLease[] leases)
    {
        sequence.SetLeases(leases);
        sequence.ComputedTokens = sequence.Spec.Prompt.Count;
        sequence.CachedTokens = leases.Min(lease => lease.CachedBlocks) * _blockTokens;
        sequence.CleanBlocks = BlocksFor(sequence.Spec.Prompt.Count); // proved to be complete
    }

    /// <summary>Blocks for so many positions.</summary>
    internal bool TryGrow(Sequence sequence, int positions)
    {
        var needed = BlocksFor(positions);
        if (sequence.Blocks >= needed) return true;
        var grown = true;
        foreach (var lease in sequence.Leases)
            grown &= lease.Blocks.Length >= needed || lease.TryExtend(needed - lease.Blocks.Length); // where it worked the block stays for the next time
        sequence.ReadTables();
        return grown;
    }

    /// <summary>Poisons what of the first so many positions' blocks others had before: what is read without having been written is not a number, and noticed.</summary>
    /// <remarks>Before the step that writes there, not all at once: a long prompt begins sooner, and its blocks are still in the processor's cache.</remarks>
    internal void Clean(Sequence sequence, int positions)
    {
        var needed = BlocksFor(positions);
        if (sequence.CleanBlocks >= needed) return;
        for (var rank = 0; rank < caches.Count; rank++)
            foreach (var block in sequence.BlockTables[rank].Span[sequence.CleanBlocks..needed]) caches[rank].Poison(block);
        sequence.CleanBlocks = needed;
    }

    /// <summary>What it has computed are numbers: its blocks are ready, and others may share the full ones.</summary>
    internal void Publish(Sequence sequence)
    {
        var full = hasher is null ? 0 : sequence.ComputedTokens / _blockTokens;
        foreach (var lease in sequence.Leases)
        {
            lease.MarkComputed(); // an arrived one is that already
            if (full > sequence.PublishedBlocks) lease.Publish(sequence.HashesOf(full, hasher!));
        }
        sequence.PublishedBlocks = Math.Max(sequence.PublishedBlocks, full);
    }

    private static int Available(BlockPool pool)
    {
        var now = pool.Snapshot();
        return now.Free + now.Cached;
    }

    /// <summary>The same number of cached blocks on every rank: a position is computed on all of them or on none.</summary>
    private BlockLease[]? Reserve(int count, ReadOnlySpan<BlockHash> prefix)
    {
        var leases = new List<BlockLease>(pools.Count);
        while (true)
        {
            foreach (var pool in pools)
                if (pool.TryReserve(count, prefix) is { } lease) leases.Add(lease);
            var (all, fewest) = (leases.Count == pools.Count, leases.Count == 0 ? 0 : leases.Min(lease => lease.CachedBlocks));
            if (all && leases.TrueForAll(lease => lease.CachedBlocks == fewest)) return [.. leases];
            leases.ForEach(lease => lease.Dispose());
            if (!all) return null;
            leases.Clear();
            prefix = prefix[..fewest]; // shorter each time
        }
    }
}
