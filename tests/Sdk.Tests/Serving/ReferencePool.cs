using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>
/// What a block pool must do, written down as plainly as possible: nothing is counted or kept, everything is worked out anew from who owns
/// and who may touch what. Ids are taken over from the real pool after checking that it was allowed to give them.
/// </summary>
internal sealed class ReferencePool(int blocks)
{
    public List<ReferenceLease> Leases { get; } = [];

    /// <summary>Which block has which published content.</summary>
    public Dictionary<BlockHash, int> Known { get; } = [];

    /// <summary>Known blocks that nobody owns, the one to be evicted first.</summary>
    public List<int> Evictable { get; } = [];

    public int Blocks => blocks;

    public int Hits(BlockHash[] prefix) => prefix.TakeWhile(Known.ContainsKey).Count();

    public bool CanTake(int count, BlockHash[] prefix)
    {
        var hit = prefix.Take(Hits(prefix)).Select(hash => Known[hash]).ToList();
        var others = Enumerable.Range(0, blocks).Except(hit).Count(block => StateOf(block) is BlockState.Free or BlockState.Cached);
        return others >= count - hit.Count;
    }

    public ReferenceLease Take(BlockLease real, int count, BlockHash[] prefix)
    {
        var ids = real.Blocks.ToArray();
        var hit = prefix.Take(Hits(prefix)).Select(hash => Known[hash]).ToList();
        Assert.Equal(count, ids.Length);
        Assert.Equal(hit.Count, real.CachedBlocks);
        Assert.Equal(hit, ids[..hit.Count]);
        Evictable.RemoveAll(hit.Contains);
        TakeFresh(ids[hit.Count..]);
        var lease = new ReferenceLease { Real = real, Blocks = [.. ids], Cached = hit.Count, Content = hit.Count == count ? BlockState.Ready : BlockState.Reserved };
        Leases.Add(lease);
        return lease;
    }

    /// <summary>Blocks that nobody owned: the free ones first, then those that may be evicted, in their order.</summary>
    public void TakeFresh(int[] ids)
    {
        Assert.Equal(ids.Length, ids.Distinct().Count());
        var free = Enumerable.Range(0, blocks).Count(block => StateOf(block) == BlockState.Free);
        Assert.All(ids.Take(free), block => Assert.Equal(BlockState.Free, StateOf(block)));
        Assert.Equal(Evictable.Take(Math.Max(0, ids.Length - free)), ids.Skip(free));
        foreach (var block in ids.Skip(free))
        {
            Evictable.Remove(block);
            Known.Remove(Known.Single(entry => entry.Value == block).Key);
        }
    }

    /// <summary>After something ended: known blocks that have lost their last owner, the end of a lease first.</summary>
    public void Release(ReferenceLease lease, Action change)
    {
        var before = lease.Held().ToList();
        change();
        var after = lease.Held().ToHashSet();
        // The part that was written comes back before the part that was only read, each from its end.
        foreach (var index in before.Where(i => !after.Contains(i)).OrderBy(i => i < lease.Cached).ThenByDescending(i => i))
        {
            var block = lease.Blocks[index];
            if (Known.ContainsValue(block) && !Evictable.Contains(block) && !Holders(block).Any()) Evictable.Add(block);
        }
    }

    public BlockState StateOf(int block)
    {
        var holders = Holders(block).ToList();
        if (holders.Count == 0) return Known.ContainsValue(block) ? BlockState.Cached : BlockState.Free;
        var users = holders.Where(lease => lease.IsTouched(block)).ToList();
        if (users.Count > 0) return users.Any(lease => lease.IsUnwanted) ? BlockState.Quarantined : BlockState.InFlight;
        // Who has it as its own says what is in it; who only shares it could do so because it was complete.
        return holders.FirstOrDefault(lease => lease.Blocks.IndexOf(block) >= lease.Cached)?.Content ?? BlockState.Ready;
    }

    private IEnumerable<ReferenceLease> Holders(int block) => Leases.Where(lease => lease.Held().Any(i => lease.Blocks[i] == block));
}
