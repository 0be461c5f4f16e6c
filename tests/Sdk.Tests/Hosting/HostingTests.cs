using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Tests.Metadata;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Hosting;

public sealed class HostingTests
{
    [Fact]
    public async Task Two_agents_in_one_host_exchange_metadata_and_move_blocks()
    {
        var fake = new FakeTransport();
        using var host = HostSupport.Build(HostSupport.Model("prefill-0", "decode-0"), services =>
        {
            services.AddSingleton<IMetadataExchange, InMemoryMetadataExchange>();
            services.AddNixl("prefill-0").AddKvPool<SplitKv>(8).UseFakeTransport(fake);
            services.AddNixl("decode-0").AddKvPool<SplitKv>(6).UseFakeTransport(fake);
        });
        await host.StartAsync().SoonAsync();

        var prefill = host.Services.GetRequiredKeyedService<NixlAgent>("prefill-0");
        var from = host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("prefill-0");
        var to = host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("decode-0");
        Assert.Equal((8, 6), (from.Blocks, to.Blocks));
        Assert.Same(prefill, from.Agent);
        Assert.NotSame(prefill, to.Agent);

        var exchange = host.Services.GetRequiredService<IMetadataExchange>();
        var peer = await prefill.ConnectAsync(await exchange.FetchAsync("decode-0", Deadlines.Soon)).SoonAsync();
        PoolBytes.FillRandom(from, 1);
        PoolBytes.Fill(to, TestMemory.Poison);
        var expected = PoolBytes.Expect(from, PoolBytes.Copy(to), to, 0, [7, 2], [0, 5]);
        await using var remote = from.Connect(peer);
        await remote.WriteBlocksAsync([7, 2], [0, 5]).SoonAsync();
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(to));
        await host.StopAsync().SoonAsync();
        Assert.Empty(fake.Agents);
    }

    [Fact]
    public async Task Agents_that_are_injected_into_a_hosted_service_are_there()
    {
        var fake = new FakeTransport();
        using var host = HostSupport.Build(HostSupport.Model("a"), services =>
        {
            services.AddHostedService<Engine>(); // before AddNixl: made and started first
            services.AddNixl("a").AddKvPool<SplitKv>(4).UseFakeTransport(fake);
        });
        await host.StartAsync().SoonAsync();
        var engine = host.Services.GetServices<IHostedService>().OfType<Engine>().Single();
        Assert.Same(host.Services.GetRequiredKeyedService<NixlAgent>("a"), engine.Agent);
        Assert.Same(host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a"), engine.Pool);
        await host.StopAsync().SoonAsync();
    }

    [Fact]
    public async Task Several_pools_of_one_type_are_resolved_by_name()
    {
        using var host = HostSupport.Build(HostSupport.Model("a"), services => services.AddNixl("a")
            .AddKvPool<SplitKv>(4).AddKvPool<SplitKv>(5, name: "draft").AddKvPool<TwoGroups>(6).UseFakeTransport(new FakeTransport()));
        await host.StartAsync().SoonAsync();
        Assert.Equal(4, host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a").Blocks);
        Assert.Equal(5, host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a/draft").Blocks);
        Assert.Equal("draft", host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a/draft").Name);
        Assert.Equal(6, host.Services.GetRequiredKeyedService<KvPool<TwoGroups>>("a").Blocks);
        var metadata = MetadataCodec.Decode(host.Services.GetRequiredKeyedService<NixlAgent>("a").ExportMetadata());
        Assert.Equal(["SplitKv", "draft", "TwoGroups"], metadata.Pools.Select(pool => pool.Name));
    }

    [Fact]
    public void The_same_pool_twice_is_refused_when_it_is_added()
    {
        var builder = new ServiceCollection().AddNixl("a").AddKvPool<SplitKv>(4);
        Assert.Throws<InvalidOperationException>(() => builder.AddKvPool<SplitKv>(5));
        builder.AddKvPool<SplitKv>(5, name: "draft");
        Assert.Throws<InvalidOperationException>(() => builder.AddKvPool<SplitKv>(5, name: "draft"));
    }

    [Fact]
    public async Task The_same_agent_added_twice_is_one_agent()
    {
        using var host = HostSupport.Build([], services =>
        {
            services.AddNixl("a", options => options.MaxTransfers = 5).UseFakeTransport(new FakeTransport());
            services.AddNixl("a", options => options.ListenPort = 7);
        });
        await host.StartAsync().SoonAsync();
        var options = host.Services.GetRequiredService<Microsoft.Extensions.Options.IOptionsMonitor<NixlOptions>>().Get("a");
        Assert.Equal((5, 7), (options.MaxTransfers, options.ListenPort));
        Assert.Single(host.Services.GetServices<IHostedService>());
    }

    [Fact]
    public async Task Stopping_with_transfers_in_flight_ends_them_cleanly()
    {
        var fake = new FakeTransport();
        var configuration = HostSupport.Model("a", "b");
        configuration["Nixl:a:QuiesceGrace"] = "00:00:00.300";
        using var host = HostSupport.Build(configuration, services =>
        {
            services.AddSingleton<IMetadataExchange, InMemoryMetadataExchange>();
            services.AddNixl("a").AddKvPool<SplitKv>(8).UseFakeTransport(fake);
            services.AddNixl("b").AddKvPool<SplitKv>(8).UseFakeTransport(fake);
        });
        await host.StartAsync().SoonAsync();
        var a = host.Services.GetRequiredKeyedService<NixlAgent>("a");
        var exchange = host.Services.GetRequiredService<IMetadataExchange>();
        var peer = await a.ConnectAsync(await exchange.FetchAsync("b", Deadlines.Soon)).SoonAsync();
        var remote = host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a").Connect(peer);
        fake.Hang = true;
        var writes = Enumerable.Range(0, 8).Select(i => remote.WriteBlocksAsync([i], [i]).AsTask()).ToArray();

        await host.StopAsync().SoonAsync();
        foreach (var write in writes) await Assert.ThrowsAnyAsync<Exception>(() => write.SoonAsync());
        Assert.Empty(fake.Agents);
        Assert.True(a.IsDisposed);
        var gone = await Assert.ThrowsAsync<MetadataExchangeException>(async () => await exchange.FetchAsync("b", TimeSpan.FromMilliseconds(20)));
        Assert.Equal(NixlStatus.Timeout, gone.Status);
        await remote.DisposeAsync().SoonAsync();
    }

    [Fact]
    public async Task A_host_that_is_disposed_without_a_stop_leaves_nothing_behind()
    {
        var fake = new FakeTransport();
        var host = HostSupport.Build(HostSupport.Model("a"), services => services.AddNixl("a").AddKvPool<SplitKv>(4).UseFakeTransport(fake));
        await host.StartAsync().SoonAsync();
        Assert.Equal(["a"], fake.Agents);
        await ((IAsyncDisposable)host).DisposeAsync().SoonAsync();
        Assert.Empty(fake.Agents);
    }

    [Fact]
    public async Task Two_hosts_exchange_metadata_over_tcp_with_a_key()
    {
        var fake = new FakeTransport();
        var key = Convert.ToBase64String(Samples.Key);
        var decodeConfiguration = HostSupport.Model("decode-0");
        decodeConfiguration["NixlExchange:Key"] = key;
        decodeConfiguration["Nixl:decode-0:Metadata:Key"] = key;
        using var decode = HostSupport.Build(decodeConfiguration, services =>
        {
            services.AddNixlExchange();
            services.AddNixl("decode-0").AddKvPool<SplitKv>(4).UseFakeTransport(fake);
        });
        await decode.StartAsync().SoonAsync();

        var prefillConfiguration = HostSupport.Model("prefill-0");
        prefillConfiguration["NixlExchange:Key"] = key;
        prefillConfiguration["Nixl:prefill-0:Metadata:Key"] = key;
        prefillConfiguration["NixlExchange:Peers:decode-0"] = decode.Services.GetRequiredService<DirectMetadataExchange>().Endpoint!.ToString();
        using var prefill = HostSupport.Build(prefillConfiguration, services =>
        {
            services.AddNixlExchange();
            services.AddNixl("prefill-0").AddKvPool<SplitKv>(4).UseFakeTransport(fake);
        });
        await prefill.StartAsync().SoonAsync();

        var exchange = prefill.Services.GetRequiredService<IMetadataExchange>();
        var peer = await prefill.Services.GetRequiredKeyedService<NixlAgent>("prefill-0").ConnectAsync(exchange, "decode-0", Deadlines.Soon).SoonAsync();
        Assert.True(peer.Metadata.IsAuthenticated);
        await using var remote = prefill.Services.GetRequiredKeyedService<KvPool<SplitKv>>("prefill-0").Connect(peer);
        await remote.WriteBlocksAsync([1], [2]).SoonAsync();
        await prefill.StopAsync().SoonAsync();
        await decode.StopAsync().SoonAsync();
    }

    private sealed class Engine(
        [FromKeyedServices("a")] NixlAgent agent, [FromKeyedServices("a")] KvPool<SplitKv> pool) : BackgroundService
    {
        public NixlAgent Agent { get; } = agent;

        public KvPool<SplitKv> Pool { get; } = pool;

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.CompletedTask;
    }
}
