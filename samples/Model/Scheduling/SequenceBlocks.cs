namespace Nixl.Sdk.Samples.Model;

/// <summary>Gives sequences their blocks: shared ones for a prefix that is known, poisoned ones for what is to be computed.</summary>
internal sealed class SequenceBlocks(IBlockAllocator allocator, IReadOnlyList<PagedKvCache> caches, bool prefixCache)
{
    private readonly int _blockTokens = caches[0].BlockTokens;

    internal int BlocksFor(int tokens) => caches[0].BlocksFor(tokens);

    internal bool CanGrow(Sequence sequence) => sequence.Blocks.Length < BlocksFor(sequence.MaxPositions);

    /// <summary>Blocks for all tokens that are known, or for the longest answer if the prompt comes from elsewhere; all of them or none.</summary>
    internal bool TryAdmit(Sequence sequence, int keepFree)
    {
        var shared = prefixCache && !sequence.Spec.RemotePrompt ? SharePrefix(sequence) : [];
        var needed = BlocksFor(sequence.Spec.RemotePrompt ? sequence.MaxPositions : sequence.Tokens.Length) - shared.Count;
        if (allocator.Free < needed + keepFree || !TryReserve(needed, out var fresh))
        {
            allocator.Release([.. shared]);
            return false;
        }
        sequence.AddBlocks([.. shared, .. fresh]);
        sequence.ComputedTokens = sequence.CachedTokens = shared.Count * _blockTokens;
        sequence.PublishedBlocks = shared.Count;
        return true;
    }

    /// <summary>Blocks for so many positions.</summary>
    internal bool TryGrow(Sequence sequence, int positions)
    {
        var missing = BlocksFor(positions) - sequence.Blocks.Length;
        if (missing <= 0) return true;
        if (!TryReserve(missing, out var fresh)) return false;
        sequence.AddBlocks(fresh);
        return true;
    }

    /// <summary>Lets others share what the sequence has computed in full blocks.</summary>
    internal void Publish(Sequence sequence)
    {
        if (!prefixCache || sequence.Spec.RemotePrompt) return;
        for (; sequence.PublishedBlocks < sequence.ComputedTokens / _blockTokens; sequence.PublishedBlocks++)
            allocator.Publish(sequence.Blocks.Span[sequence.PublishedBlocks], sequence.HashOf(sequence.PublishedBlocks, _blockTokens));
    }

    internal void Release(Sequence sequence) => allocator.Release(sequence.TakeBlocks());

    /// <summary>A share of each leading block that is known. Never of all tokens: the last one is computed, for its logits, into a block of its own.</summary>
    private List<int> SharePrefix(Sequence sequence)
    {
        List<int> shared = [];
        while (shared.Count < (sequence.Tokens.Length - 1) / _blockTokens && allocator.TryShare(sequence.HashOf(shared.Count, _blockTokens), out var block))
            shared.Add(block);
        return shared;
    }

    private bool TryReserve(int count, out int[] fresh)
    {
        if (!allocator.TryReserve(count, out fresh)) return false;
        // What is read without having been written is not a number, and noticed.
        foreach (var block in fresh)
            foreach (var cache in caches) cache.Poison(block);
        return true;
    }
}
