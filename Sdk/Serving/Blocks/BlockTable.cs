namespace Nixl.Sdk.Serving;

/// <summary>
/// Every block's owners, users, content and hash; the free ones and the order in which cached ones are evicted. Each step costs the same
/// whatever the number of blocks.
/// </summary>
/// <remarks>
/// Not thread-safe: its pool's lock guards it. A block's <see cref="BlockState"/> follows from its slot; the counts are kept by every
/// change going through <see cref="Change"/>.
/// </remarks>
internal sealed class BlockTable
{
    private const int None = -1;

    private readonly Slot[] _slots;
    private readonly int[] _free; // a stack: what was used last is still in the processor's cache
    private readonly Dictionary<BlockHash, int> _byHash;
    private readonly int[] _counts = new int[(int)BlockState.Quarantined + 1];
    private int _freeCount;
    private int _oldest = None; // of the cached ones, by the time of their last use
    private int _newest = None;

    public BlockTable(int blocks)
    {
        _slots = new Slot[blocks];
        _free = new int[blocks];
        _byHash = new Dictionary<BlockHash, int>(blocks);
        for (var i = 0; i < blocks; i++)
            _free[i] = blocks - 1 - i;
        _freeCount = blocks;
        _counts[(int)BlockState.Free] = blocks;
    }

    public int Blocks => _slots.Length;

    /// <summary>Blocks that a reservation can get.</summary>
    public int Available => Count(BlockState.Free) + Count(BlockState.Cached);

    public long Evictions { get; private set; }

    public int Count(BlockState state) => _counts[(int)state];

    public BlockState StateOf(int block) => _slots[block].State;

    public int Owners(int block) => _slots[block].Owners;

    /// <summary>The longest run of hashes from the first that is there, and how many of its blocks nobody owns.</summary>
    public int CountHits(ReadOnlySpan<BlockHash> prefix, out int unowned)
    {
        unowned = 0;
        for (var i = 0; i < prefix.Length; i++)
        {
            if (!_byHash.TryGetValue(prefix[i], out var block))
                return i;
            if (_slots[block].Owners == 0)
                unowned++;
        }
        return prefix.Length;
    }

    /// <summary>One more owner of a block that <see cref="CountHits"/> has found.</summary>
    public int TakeHit(BlockHash hash)
    {
        var block = _byHash[hash];
        if (_slots[block].Owners == 0)
            Unlink(block);
        Change(block, owners: 1);
        return block;
    }

    /// <summary>A free block, or the cached one that was used longest ago. The caller has looked at <see cref="Available"/>.</summary>
    public int TakeFresh()
    {
        int block;
        if (_freeCount > 0)
        {
            block = _free[--_freeCount];
        }
        else
        {
            block = _oldest;
            Unlink(block);
            _byHash.Remove(_slots[block].Hash);
            Evictions++;
        }
        Change(block, owners: 1, content: BlockContent.Empty, hash: null, setHash: true);
        return block;
    }

    /// <summary>One owner less.</summary>
    public void Release(int block)
    {
        if (_slots[block].Owners > 1)
        {
            Change(block, owners: -1);
        }
        else if (_slots[block].IsHashed)
        {
            Change(block, owners: -1);
            Link(block);
        }
        else
        {
            Change(block, owners: -1, content: BlockContent.Empty);
            _free[_freeCount++] = block;
        }
    }

    public void Mark(int block, BlockUse use, int by) =>
        Change(block, inFlight: use == BlockUse.InFlight ? by : 0, quarantined: use == BlockUse.Quarantined ? by : 0);

    public void SetContent(int block, BlockContent content) => Change(block, content: content);

    /// <summary>Makes a complete block findable. A hash that another block has already stays there.</summary>
    public void Publish(int block, BlockHash hash)
    {
        if (!_slots[block].IsHashed && _byHash.TryAdd(hash, block))
            Change(block, hash: hash, setHash: true);
    }

    private void Change(
        int block, int owners = 0, int inFlight = 0, int quarantined = 0, BlockContent? content = null, BlockHash? hash = null, bool setHash = false)
    {
        ref var slot = ref _slots[block];
        _counts[(int)slot.State]--;
        slot.Owners += owners;
        slot.InFlight += inFlight;
        slot.Quarantined += quarantined;
        slot.Content = content ?? slot.Content;
        if (setHash)
        {
            slot.IsHashed = hash is not null;
            slot.Hash = hash.GetValueOrDefault();
        }
        _counts[(int)slot.State]++;
    }

    private void Link(int block)
    {
        ref var slot = ref _slots[block];
        slot.Older = _newest;
        slot.Newer = None;
        if (_newest == None)
            _oldest = block;
        else
            _slots[_newest].Newer = block;
        _newest = block;
    }

    private void Unlink(int block)
    {
        ref var slot = ref _slots[block];
        if (slot.Older == None)
            _oldest = slot.Newer;
        else
            _slots[slot.Older].Newer = slot.Newer;
        if (slot.Newer == None)
            _newest = slot.Older;
        else
            _slots[slot.Newer].Older = slot.Older;
    }

    private struct Slot
    {
        public int Owners; // leases that hold it, those in quarantine too
        public int InFlight; // leases through which somebody else may touch it
        public int Quarantined; // the same, of leases that were given up or have expired
        public BlockContent Content;
        public bool IsHashed;
        public BlockHash Hash;
        public int Older;
        public int Newer;

        public readonly BlockState State =>
            Owners == 0 ? (IsHashed ? BlockState.Cached : BlockState.Free)
            : Quarantined > 0 ? BlockState.Quarantined
            : InFlight > 0 ? BlockState.InFlight
            : Content switch
            {
                BlockContent.Empty => BlockState.Reserved,
                BlockContent.Incoming => BlockState.Quiesced,
                _ => BlockState.Ready,
            };
    }
}
