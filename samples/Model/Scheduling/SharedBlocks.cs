namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// A pool's blocks with reference counts. A block with known content outlives its last owner: it is kept until its place is needed, the one
/// that was given back longest ago first. Safe for concurrent use.
/// <code>
/// unused ──TryReserve──→ reserved ──Publish──→ shared ◀──TryShare──┐
///   ▲                       │                    │ last Release    │
///   └───────Release─────────┘                    └──────→ idle ────┤
///   └──────────────────────────── TryReserve needs its place ──────┘
/// </code>
/// </summary>
public sealed class SharedBlocks : IBlockAllocator
{
    private readonly Lock _lock = new();
    private readonly BlockAllocator _unused;
    private readonly Dictionary<BlockHash, int> _byHash = [];
    private readonly LinkedList<int> _idle = new();
    private readonly Block[] _blocks;

    /// <summary>Starts with all blocks unused; the seed decides the order in which they are handed out.</summary>
    public SharedBlocks(int blocks, int seed)
    {
        _unused = new BlockAllocator(blocks, seed);
        _blocks = [.. Enumerable.Range(0, blocks).Select(_ => new Block())];
    }

    /// <inheritdoc/>
    public int Total => _blocks.Length;

    /// <inheritdoc/>
    public int Free
    {
        get { lock (_lock) return _unused.Free + _idle.Count; }
    }

    /// <inheritdoc/>
    public bool TryReserve(int count, out int[] blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        blocks = [];
        lock (_lock)
        {
            if (count > _unused.Free + _idle.Count) return false;
            while (_unused.Free < count) Evict(_idle.First!.Value);
            _unused.TryTake(count, out blocks);
            foreach (var block in blocks) _blocks[block].References = 1;
            return true;
        }
    }

    /// <inheritdoc/>
    public bool TryShare(BlockHash hash, out int block)
    {
        lock (_lock)
        {
            if (!_byHash.TryGetValue(hash, out block)) return false;
            if (_blocks[block].References++ == 0)
            {
                _idle.Remove(_blocks[block].Idle!);
                _blocks[block].Idle = null;
            }
            return true;
        }
    }

    /// <inheritdoc/>
    public void Publish(int block, BlockHash hash)
    {
        lock (_lock)
        {
            var known = Owned(block);
            if (known.Hash is { } other && other != hash) throw new InvalidOperationException($"Block {block} holds other content already.");
            // Computed twice at the same time: the first one is shared, the second stays its owner's alone.
            if (known.Hash is null && _byHash.TryAdd(hash, block)) known.Hash = hash;
        }
    }

    /// <inheritdoc/>
    public void Release(ReadOnlySpan<int> blocks)
    {
        lock (_lock)
        {
            // From the end: of a prefix that lies idle the last block goes first, without which the others are still of use.
            for (var i = blocks.Length - 1; i >= 0; i--)
            {
                var block = Owned(blocks[i]);
                if (--block.References > 0) continue;
                if (block.Hash is null) _unused.Return(blocks.Slice(i, 1));
                else block.Idle = _idle.AddLast(blocks[i]);
            }
        }
    }

    private Block Owned(int block) => (uint)block < (uint)_blocks.Length && _blocks[block].References > 0
        ? _blocks[block]
        : throw new InvalidOperationException($"Block {block} is not reserved.");

    private void Evict(int block)
    {
        _byHash.Remove(_blocks[block].Hash!.Value);
        _idle.Remove(_blocks[block].Idle!);
        (_blocks[block].Hash, _blocks[block].Idle) = (null, null);
        _unused.Return([block]);
    }

    private sealed class Block
    {
        internal int References { get; set; }

        internal BlockHash? Hash { get; set; }

        internal LinkedListNode<int>? Idle { get; set; }
    }
}
