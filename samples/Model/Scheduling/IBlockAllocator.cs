namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// What the scheduler needs of a pool's blocks, and no more: the SDK's own block pool takes the place of <see cref="SharedBlocks"/> through
/// it. Safe for concurrent use.
/// </summary>
public interface IBlockAllocator
{
    /// <summary>Blocks of the pool.</summary>
    int Total { get; }

    /// <summary>Blocks that can be reserved now; those that hold a prefix nobody uses are among them.</summary>
    int Free { get; }

    /// <summary>Takes <paramref name="count"/> blocks for one owner, or none and returns false if so many are not free.</summary>
    bool TryReserve(int count, out int[] blocks);

    /// <summary>Takes a share of the block with this content, if there is one.</summary>
    bool TryShare(BlockHash hash, out int block);

    /// <summary>Says what a reserved block holds, once it is complete: from now on it may be shared and is never written again.</summary>
    void Publish(int block, BlockHash hash);

    /// <summary>Gives back a reservation or a share of each block; the blocks are in the order of their positions.</summary>
    void Release(ReadOnlySpan<int> blocks);
}
