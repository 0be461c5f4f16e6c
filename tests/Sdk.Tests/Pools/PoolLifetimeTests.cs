using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>What a pool says about its memory when others own the memory or the agent ends first.</summary>
public class PoolLifetimeTests
{
    private const int Page = 256;
    private const int Blocks = 6;

    private static ModelIdentity Model => PoolPair<SplitKv>.Model;

    [Theory]
    [InlineData(Backend.Fake)]
    [InlineData(Backend.Loopback)]
    public async Task Memory_that_the_engine_has_registered_is_reachable_as_long_as_the_engines_registration(Backend backend)
    {
        using var own = new OwnMemory(6 * Blocks * Page);
        await using var pair = await Pair.CreateAsync(backend);
        var region = pair.A.Register(own.Address, own.Length);
        var pool = KvPool<SplitKv>.Bind(pair.A, own.Split(6, Blocks * Page), Blocks, Model);
        Assert.True(pool.IsReachable);
        Assert.Throws<NixlBusyException>(() => region.Deregister());
        pool.Dispose();
        Assert.True(pool.IsReachable);
        region.Deregister();
        Assert.False(pool.IsReachable);
    }

    [Theory]
    [InlineData(Backend.Fake)]
    [InlineData(Backend.Loopback)]
    public async Task An_allocated_pool_gives_no_spans_once_its_agent_is_disposed(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        using var pool = KvPool<SplitKv>.Allocate(pair.A, Blocks, Model);
        Assert.Equal(Page, pool.Piece(0, Blocks - 1).Length);
        await pair.A.DisposeAsync().SoonAsync();
        Assert.Throws<ObjectDisposedException>(() => { _ = pool.Piece(0, 0); });
        Assert.False(pool.IsReachable);
    }
}
