namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// Hands out a pool's blocks in random order, as a pool does that has run for a while: neighbours in a sequence are not
/// neighbours in memory. The order follows from the seed. Safe for concurrent use.
/// </summary>
internal sealed class BlockAllocator
{
    private readonly Lock _lock = new();
    private readonly Random _random;
    private readonly List<int> _free;
    private readonly bool[] _taken;

    /// <summary>Starts with all of <paramref name="blocks"/> free.</summary>
    internal BlockAllocator(int blocks, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        _random = new Random(seed);
        _free = [.. Enumerable.Range(0, blocks)];
        _taken = new bool[blocks];
    }

    /// <summary>Blocks that are free now.</summary>
    internal int Free
    {
        get { lock (_lock) return _free.Count; }
    }

    /// <summary>Takes <paramref name="count"/> blocks, or none and returns false if so many are not free.</summary>
    internal bool TryTake(int count, out int[] blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        lock (_lock)
        {
            if (count > _free.Count)
            {
                blocks = [];
                return false;
            }
            blocks = new int[count];
            for (var i = 0; i < count; i++)
            {
                // The neighbour of the one before is drawn again, once: runs stay rare.
                var pick = _random.Next(_free.Count);
                if (i > 0 && Math.Abs(_free[pick] - blocks[i - 1]) == 1) pick = _random.Next(_free.Count);
                blocks[i] = _free[pick];
                _taken[_free[pick]] = true;
                _free[pick] = _free[^1];
                _free.RemoveAt(_free.Count - 1);
            }
            return true;
        }
    }

    /// <summary>Gives blocks back.</summary>
    /// <exception cref="InvalidOperationException">A block was not taken.</exception>
    internal void Return(ReadOnlySpan<int> blocks)
    {
        lock (_lock)
        {
            foreach (var block in blocks)
            {
                if ((uint)block >= (uint)_taken.Length || !_taken[block]) throw new InvalidOperationException($"Block {block} is not taken.");
                _taken[block] = false;
                _free.Add(block);
            }
        }
    }
}
