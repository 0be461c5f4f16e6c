using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

public sealed class SharedBlocksTests
{
    private static readonly BlockHash First = BlockHash.Chain(default, [1, 2, 3]);
    private static readonly BlockHash Second = BlockHash.Chain(First, [4, 5, 6]);

    [Fact]
    public void A_hash_is_that_of_the_whole_prefix()
    {
        Assert.Equal(Second, BlockHash.Chain(BlockHash.Chain(default, [1, 2, 3]), [4, 5, 6]));
        Assert.NotEqual(Second, BlockHash.Chain(default, [4, 5, 6]));
        Assert.NotEqual(Second, BlockHash.Chain(BlockHash.Chain(default, [3, 2, 1]), [4, 5, 6]));
        Assert.NotEqual(First, BlockHash.Chain(default, [1, 2]));
    }

    [Fact]
    public void A_published_block_is_shared_and_free_after_its_last_owner()
    {
        var blocks = new SharedBlocks(4, 1);
        var own = Reserve(blocks, 2);
        Assert.False(blocks.TryShare(First, out _));
        blocks.Publish(own[0], First);
        Assert.True(blocks.TryShare(First, out var shared));
        Assert.Equal(own[0], shared);
        blocks.Release(own);
        Assert.Equal(3, blocks.Free); // one share is left
        blocks.Release([shared]);
        Assert.Equal(4, blocks.Free);
        Assert.True(blocks.TryShare(First, out shared)); // nobody needed its place
        Assert.Equal((own[0], 3), (shared, blocks.Free));
    }

    [Fact]
    public void The_longest_idle_content_gives_its_place_and_the_end_of_a_prefix_before_its_beginning()
    {
        var blocks = new SharedBlocks(3, 1);
        var prefix = Reserve(blocks, 2);
        blocks.Publish(prefix[0], First);
        blocks.Publish(prefix[1], Second);
        blocks.Release(prefix);
        Assert.False(blocks.TryReserve(4, out _));
        Assert.True(blocks.TryShare(Second, out _)); // a refused reservation evicts nothing
        blocks.Release([prefix[1]]);

        blocks.Release(Reserve(blocks, 1));
        Assert.True(blocks.TryShare(First, out _)); // an unused block came first
        Assert.True(blocks.TryShare(Second, out _));
        blocks.Release(prefix);
        Reserve(blocks, 2);
        Assert.False(blocks.TryShare(Second, out _));
        Assert.True(blocks.TryShare(First, out _));
        Assert.False(blocks.TryReserve(1, out _)); // what is in use is never evicted
    }

    [Fact]
    public void Content_that_is_known_already_stays_with_the_first_block()
    {
        var blocks = new SharedBlocks(4, 1);
        var both = Reserve(blocks, 2);
        blocks.Publish(both[0], First);
        blocks.Publish(both[1], First);
        Assert.True(blocks.TryShare(First, out var shared));
        Assert.Equal(both[0], shared);
        blocks.Publish(both[0], First); // once more is nothing
        Assert.Throws<InvalidOperationException>(() => blocks.Publish(both[0], Second));
    }

    [Fact]
    public void What_is_not_reserved_cannot_be_released_or_published()
    {
        var blocks = new SharedBlocks(4, 1);
        var own = Reserve(blocks, 1);
        blocks.Release(own);
        Assert.Throws<InvalidOperationException>(() => blocks.Release(own));
        Assert.Throws<InvalidOperationException>(() => blocks.Publish(own[0], First));
        Assert.Throws<InvalidOperationException>(() => blocks.Release([4]));
        Assert.Equal(4, blocks.Free);
    }

    private static int[] Reserve(SharedBlocks blocks, int count)
    {
        Assert.True(blocks.TryReserve(count, out var reserved));
        return reserved;
    }
}
