using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Hosting;

/// <summary>Producers and consumers by dependency injection.</summary>
public sealed class ServingHostTests
{
    [Fact]
    public async Task Two_engines_in_one_host_hand_over_a_cache()
    {
        var fake = new FakeTransport();
        using var host = HostSupport.Build(HostSupport.Model("prefill-0", "decode-0"), services =>
        {
            services.AddSingleton<IMetadataExchange, InMemoryMetadataExchange>();
            services.AddNixl("prefill-0").AddKvProducer<SplitKv>().AddKvPool<SplitKv>(8).UseFakeTransport(fake); // in any order
            services.AddNixl("decode-0").AddKvPool<SplitKv>(6).AddKvTransfer<SplitKv>("""{"kv_connector":"NixlPushConnector","kv_role":"kv_consumer"}""").UseFakeTransport(fake);
        });
        await host.StartAsync().SoonAsync();
        var services = host.Services;
        var (producer, consumer) = (services.GetRequiredKeyedService<KvProducer<SplitKv>>("prefill-0"), services.GetRequiredKeyedService<KvConsumer<SplitKv>>("decode-0"));
        Assert.Null(services.GetKeyedService<KvProducer<SplitKv>>("decode-0"));
        Assert.Equal(KvRole.Consumer, services.GetRequiredKeyedService<KvTransferConfig>("decode-0").Role);
        var exchange = services.GetRequiredService<IMetadataExchange>();
        await using (var back = new KvPeerLink<SplitKv>(producer.Pool, exchange, [new KvPeerRank("decode-0")], producer))
        await using (var link = new KvPeerLink<SplitKv>(consumer.Pool, exchange, [new KvPeerRank("prefill-0")], consumer: consumer))
        {
            await link.WaitConnectedAsync(Deadlines.Soon);
            PoolBytes.FillRandom(producer.Pool, 1);
            PoolBytes.Fill(consumer.Pool, TestMemory.Poison);
            var before = PoolBytes.Copy(consumer.Pool);
            using var receive = await consumer.RequestAsync(link.Source!, new KvRequest("r", new KvRequestBlocks(3)));
            using var lease = services.GetRequiredKeyedService<KvBlockPools<SplitKv>>("prefill-0")[0].TryReserve(3)!;
            lease.MarkComputed();
            await using (var requests = producer.ReadRequestsAsync().GetAsyncEnumerator())
            {
                Assert.True(await requests.MoveNextAsync().SoonAsync());
                requests.Current.Accept(lease);
                await requests.Current.WriteAsync();
                await requests.Current.CompleteAsync();
                await requests.Current.DisposeAsync();
            }
            await receive.WaitAsync().SoonAsync();
            PoolBytes.AssertEqual(PoolBytes.Expect(producer.Pool, before, consumer.Pool, 0, lease.Blocks, receive.Leases[0].Blocks), PoolBytes.Copy(consumer.Pool));
        }
        await host.StopAsync().SoonAsync();
        Assert.True(services.GetRequiredKeyedService<KvConnector>("decode-0").IsDisposed);
        Assert.Empty(fake.Agents);
    }

    [Fact]
    public async Task Engines_of_two_hosts_are_connected_by_configuration_and_again_after_a_restart()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        var prefill = await PrefillAsync();
        using var decode = HostSupport.Build(Peers("decode-0", "prefill", "prefill-0"), services => services.AddSingleton<IMetadataExchange>(exchange)
            .AddNixl("decode-0").AddKvPool<SplitKv>(6).AddKvConsumer<SplitKv>().AddKvPeers<SplitKv>(configure: Quick).UseFakeTransport(fake));
        await decode.StartAsync().SoonAsync();
        var links = decode.Services.GetRequiredKeyedService<KvPeerLinks<SplitKv>>("decode-0");
        var link = links.Links["prefill"];
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.True(links.AreConnected);
        var source = Assert.IsType<KvSource>(link.Source);
        Assert.Equal("prefill-0", Assert.Single(source.Ranks).Remote.Name);

        await prefill.StopAsync().SoonAsync();
        prefill.Dispose();
        await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Lost && !links.AreConnected, "lost");
        prefill = await PrefillAsync();
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.NotSame(source, link.Source);

        await decode.StopAsync().SoonAsync();
        Assert.Equal(KvPeerLinkState.Disposed, link.State);
        await prefill.StopAsync().SoonAsync();
        prefill.Dispose();
        Assert.Empty(fake.Agents);

        async Task<IHost> PrefillAsync()
        {
            var host = HostSupport.Build(Peers("prefill-0", "decode", "decode-0"), services => services.AddSingleton<IMetadataExchange>(exchange)
                .AddNixl("prefill-0").AddKvPool<SplitKv>(8).AddKvProducer<SplitKv>().AddKvPeers<SplitKv>(configure: Quick).UseFakeTransport(fake));
            await host.StartAsync().SoonAsync();
            return host;
        }

        static Dictionary<string, string?> Peers(string agent, string engine, string peer) => new(HostSupport.Model(agent)) { [$"Nixl:{agent}:Peers:{engine}:0"] = peer };

        static void Quick(KvPeerLinkOptions options) => (options.FirstBackoff, options.MaxBackoff) = (TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task Links_that_cannot_be_are_refused_at_start()
    {
        await Refused(services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvPeers<SplitKv>(), "neither producer nor consumer");
        await Refused(services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvConsumer<SplitKv>().AddKvPeers<SplitKv>(), "AddNixlExchange");
        foreach (var (peer, message) in ((string, string)[])[("b/0", "not an agent name"), ("a", "this agent itself"), ("c", "names an agent twice")])
            await Refused(services => services.AddNixl("a", options => options.Peers["e"] = [peer, "c"]).AddKvPool<SplitKv>(4).AddKvConsumer<SplitKv>().AddKvPeers<SplitKv>(), message);
        await Refused(services => services.AddNixl("a", options => options.Peers["e"] = []), "names no agent");
        Assert.Contains("already", Assert.Throws<InvalidOperationException>(() => new ServiceCollection().AddNixl("a").AddKvPeers<SplitKv>().AddKvPeers<SplitKv>()).Message, StringComparison.Ordinal);

        static async Task Refused(Func<IServiceCollection, INixlBuilder> add, string message)
        {
            using var host = HostSupport.Build(HostSupport.Model("a"), services => add(services).UseFakeTransport(new FakeTransport()));
            Assert.Contains(message, (await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync().SoonAsync())).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Both_roles_share_connector_and_block_pools_and_pools_with_names_have_their_own()
    {
        using var host = HostSupport.Build(HostSupport.Model("a"), services => services.AddNixl("a")
            .AddKvPool<SplitKv>(4).AddKvPool<SplitKv>(5, name: "draft").AddKvPool<TwoGroups>(6)
            .AddKvProducer<SplitKv>().AddKvConsumer<SplitKv>().AddKvConsumer<SplitKv>("draft").AddKvConsumer<TwoGroups>()
            .UseFakeTransport(new FakeTransport()));
        await host.StartAsync().SoonAsync();
        var services = host.Services;
        Assert.Same(services.GetRequiredKeyedService<KvProducer<SplitKv>>("a").Connector, services.GetRequiredKeyedService<KvConsumer<SplitKv>>("a").Connector);
        Assert.Same(services.GetRequiredKeyedService<KvPool<SplitKv>>("a/draft"), services.GetRequiredKeyedService<KvConsumer<SplitKv>>("a/draft").Pool);
        Assert.Equal(["a/SplitKv"], services.GetRequiredKeyedService<KvBlockPools<SplitKv>>("a").Select(pool => pool.Name));
        Assert.Equal(["a/draft"], services.GetRequiredKeyedService<KvBlockPools<SplitKv>>("a/draft").Select(pool => pool.Name));
        Assert.Equal(["a/TwoGroups/mla", "a/TwoGroups/indexer"], services.GetRequiredKeyedService<KvBlockPools<TwoGroups>>("a").Select(pool => pool.Name));
        Assert.Equal(5, services.GetRequiredKeyedService<KvBlockPools<SplitKv>>("a/draft")[0].Blocks);
    }

    [Fact]
    public async Task Groups_in_the_same_pages_have_one_block_pool()
    {
        await using var agent = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, "a", new FakeTransport())).SoonAsync();
        using var pool = KvPool<OverlaidKv>.Allocate(agent, 4, PoolPair<OverlaidKv>.Model);
        using var blocks = new KvBlockPools<OverlaidKv>(pool);
        Assert.Same(blocks[0], blocks[1]);
        await using var connector = KvConnector.Start(agent);
        using var consumer = new KvConsumer<OverlaidKv>(connector, pool, blocks);
    }

    [Fact]
    public async Task Settings_come_from_configuration_and_the_connector_can_be_changed()
    {
        var configuration = HostSupport.Model("a");
        (configuration["Nixl:a:Serving:LeaseLifetime"], configuration["Nixl:a:Serving:HeartbeatInterval"], configuration["Nixl:a:Serving:MaxWaiting"]) = ("00:01:00", "00:00:03", "7");
        configuration["Nixl:a:Serving:Checksums"] = "true";
        using var host = HostSupport.Build(configuration, services => services.AddNixl("a").AddKvPool<SplitKv>(4)
            .AddKvConsumer<SplitKv>().AddKvConnector((_, options) => options.CheckInterval = TimeSpan.FromMilliseconds(7)).UseFakeTransport(new FakeTransport()));
        await host.StartAsync().SoonAsync();
        var connector = host.Services.GetRequiredKeyedService<KvConnector>("a");
        Assert.Equal((7, TimeSpan.FromMilliseconds(7), true), (connector.Options.MaxWaiting, connector.Options.CheckInterval, connector.Options.Checksums));
        Assert.Equal(TimeSpan.FromSeconds(3), host.Services.GetRequiredKeyedService<KvBlockPools<SplitKv>>("a")[0].HeartbeatInterval);
    }

    [Theory]
    [InlineData("Serving:HeartbeatInterval", "00:00:25", "HeartbeatInterval")]
    [InlineData("Serving:HeartbeatInterval", "00:00:00.05", "CheckInterval")]
    [InlineData("Serving:MaxWaiting", "0", "MaxWaiting")]
    [InlineData("Serving:LeaseLifetime", "2.00:00:00", "at most a day")]
    public async Task Wrong_settings_are_refused_at_start(string key, string value, string message)
    {
        using var host = HostSupport.Build(new(HostSupport.Model("a")) { [$"Nixl:a:{key}"] = value }, services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvConsumer<SplitKv>().UseFakeTransport(new FakeTransport()));
        Assert.Contains(message, (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync().SoonAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_missing_or_there_twice_is_named()
    {
        using var host = HostSupport.Build(HostSupport.Model("a"), services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvConsumer<SplitKv>("draft").UseFakeTransport(new FakeTransport()));
        var missing = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync().SoonAsync());
        Assert.Contains("no pool of SplitKv with the key 'a/draft'", missing.Message, StringComparison.Ordinal);
        Assert.Contains("AddKvPool<SplitKv>", missing.Message, StringComparison.Ordinal);
        var builder = new ServiceCollection().AddNixl("a").AddKvProducer<SplitKv>().AddKvConsumer<SplitKv>();
        Assert.Contains("a producer already", Assert.Throws<InvalidOperationException>(() => builder.AddKvProducer<SplitKv>()).Message, StringComparison.Ordinal);
        Assert.Contains("a consumer already", Assert.Throws<InvalidOperationException>(() => builder.AddKvTransfer<SplitKv>("""{"kv_connector":"NixlConnector","kv_role":"kv_consumer"}""")).Message, StringComparison.Ordinal);
    }

    private const string Full = """{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_ip":"127.0.0.2","kv_port":14579,"kv_connector_extra_config":{"backends":["LOCAL"],"kv_lease_duration":60,"checksums":false}}""";

    [Fact]
    public void A_transfer_configuration_sets_transports_listener_and_leases()
    {
        var configuration = HostSupport.Model("a");
        (configuration["Nixl:a:Parallel:Tp"], configuration["Nixl:a:Parallel:TpRank"]) = ("4", "3");
        using var host = HostSupport.Build(configuration, services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvTransfer<SplitKv>(Full));
        var options = host.Services.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get("a");
        Assert.Equal((NixlTransports.Local, "127.0.0.2", 14582), (options.Transports, options.ListenHost, options.ListenPort));
        Assert.False(options.Serving.Checksums);
        Assert.Equal((60, 40, 10), (options.Serving.LeaseLifetime.TotalSeconds, options.Serving.LeaseExtension.TotalSeconds, options.Serving.HeartbeatInterval.TotalSeconds));
    }

    [Fact]
    public void A_transfer_configuration_that_contradicts_the_agents_own_is_refused_with_all_of_it()
    {
        var configuration = HostSupport.Model("a");
        (configuration["Nixl:a:Transports"], configuration["Nixl:a:ListenHost"], configuration["Nixl:a:ListenPort"], configuration["Nixl:a:Serving:LeaseLifetime"]) = ("Fabric", "127.0.0.1", "14579", "00:00:45");
        configuration["Nixl:a:Serving:Checksums"] = "true";
        using var host = HostSupport.Build(configuration, services => services.AddNixl("a").AddKvPool<SplitKv>(4).AddKvTransfer<SplitKv>(Full));
        var error = Assert.Throws<OptionsValidationException>(() => host.Services.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get("a"));
        Assert.Contains("Nixl:a:Serving:Checksums is True and checksums says False", error.Message, StringComparison.Ordinal);
        Assert.Equal(4, error.Failures.Count()); // the ports agree
        Assert.Contains("Nixl:a:Transports is Fabric and backends says Local", error.Message, StringComparison.Ordinal);
        Assert.Contains("kv_ip says 127.0.0.2", error.Message, StringComparison.Ordinal);
        Assert.Contains("kv_lease_duration says 00:01:00", error.Message, StringComparison.Ordinal);
    }
}
