namespace Nixl.Sdk.Engine.Tests;

public sealed class BlockAllocatorTests
{
    [Fact]
    public void Blocks_come_in_random_order_and_once()
    {
        var allocator = new BlockAllocator(256, seed: 1);
        Assert.True(allocator.TryTake(100, out var first));
        Assert.True(allocator.TryTake(156, out var second));

        Assert.Equal(Enumerable.Range(0, 256), first.Concat(second).Order());
        Assert.True(first.Zip(first.Skip(1)).Count(pair => pair.Second == pair.First + 1) < 10, "the order is contiguous");
        Assert.NotEqual(first.Order(), first);
        Assert.Equal(0, allocator.Free);
    }

    [Fact]
    public void The_seed_decides_the_order()
    {
        new BlockAllocator(64, 5).TryTake(20, out var a);
        new BlockAllocator(64, 5).TryTake(20, out var b);
        new BlockAllocator(64, 6).TryTake(20, out var c);
        Assert.Equal(a, b);
        Assert.NotEqual(a, c);
    }

    [Fact]
    public void Too_many_takes_none()
    {
        var allocator = new BlockAllocator(8, 1);
        Assert.True(allocator.TryTake(5, out _));
        Assert.False(allocator.TryTake(4, out var none));
        Assert.Empty(none);
        Assert.Equal(3, allocator.Free);
    }

    [Fact]
    public void A_block_is_given_back_once()
    {
        var allocator = new BlockAllocator(8, 1);
        allocator.TryTake(8, out var blocks);
        allocator.Return(blocks);
        Assert.Equal(8, allocator.Free);
        Assert.Throws<InvalidOperationException>(() => allocator.Return(blocks.AsSpan(0, 1)));
        Assert.Throws<InvalidOperationException>(() => allocator.Return([8]));
    }
}
