using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What one rank of an engine has of the SDK: an agent, a pool with the rank's heads, its blocks, and its sides of hand-overs. Owns all of it.</summary>
internal sealed class EngineAgent : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private EngineAgent(ServiceProvider services, NixlAgent agent, KvPool<KjvBytesKv> pool, BlockPool blocks, PagedKvCache cache, ServingEngineOptions options)
    {
        (_services, Agent, Pool, Blocks, Cache) = (services, agent, pool, blocks, cache);
        Connector = KvConnector.Start(agent, new KvConnectorOptions { Checksums = options.Checksums });
        if (options.IsPrefill) Producer = new KvProducer<KjvBytesKv>(Connector, pool);
        if (options.IsDecode) Consumer = new KvConsumer<KjvBytesKv>(Connector, pool, blocks);
    }

    internal NixlAgent Agent { get; }

    internal KvPool<KjvBytesKv> Pool { get; }

    internal BlockPool Blocks { get; }

    internal PagedKvCache Cache { get; }

    internal KvConnector Connector { get; }

    /// <summary>Null for a decode engine.</summary>
    internal KvProducer<KjvBytesKv>? Producer { get; }

    /// <summary>Null for a prefill engine.</summary>
    internal KvConsumer<KjvBytesKv>? Consumer { get; }

    internal static async Task<EngineAgent> StartAsync(ServingEngineOptions options, int rank, ModelHandle model, CancellationToken cancellation)
    {
        var ranks = options.TensorParallel;
        var services = Configure(options, ranks == 1 ? options.Name : $"{options.Name}.r{rank}", out var name);
        var agent = await Task.Run(() => services.GetRequiredKeyedService<NixlAgent>(name), cancellation); // starts it
        try
        {
            var pool = KvPool<KjvBytesKv>.Allocate(agent, options.Blocks, model.Identity, new KvPoolOptions { Parallel = new KvParallel(ranks, rank) });
            var blocks = new BlockPool(options.Blocks, new BlockPoolOptions { Name = agent.Name, Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
            BlockOrder.Shuffle(blocks, unchecked(options.Seed + (rank * 7919)));
            var cache = PoolCache.Over(pool, model.Config.Shard(ranks));
            for (var block = 0; block < options.Blocks; block++) cache.Poison(block); // what is read without having been written is noticed
            return new EngineAgent(services, agent, pool, blocks, cache, options);
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends what is on its way, with both sides told where they still answer.</summary>
    public async ValueTask DisposeAsync()
    {
        Producer?.Dispose();
        Consumer?.Dispose();
        await Connector.DisposeAsync();
        Blocks.Dispose();
        Pool.Dispose();
        await _services.DisposeAsync(); // and the agent with it
    }

    /// <summary>Configuration (appsettings.json beside the program, environment) can set everything else of an agent, by its name: Nixl__prefill-0__FabricProvider=verbs.</summary>
    private static ServiceProvider Configure(ServingEngineOptions options, string name, out string key)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().SetBasePath(AppContext.BaseDirectory).AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables().Build());
        if (options.LoggerFactory is { } logs) services.AddSingleton(logs);
        var nixl = services.AddNixl(key = name, nixl =>
        {
            (nixl.Transports, nixl.DefaultTimeout) = (options.Transports, options.Timeout);
            nixl.ListenHost ??= options.ListenHost;
        });
        if (options.Fake is { } fake) nixl.UseFakeTransport(fake);
        return services.BuildServiceProvider();
    }
}
