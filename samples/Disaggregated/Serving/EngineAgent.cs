using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What one rank of an engine has of the SDK: an agent, a pool with the rank's heads, its blocks, and its sides of hand-overs. Owns all of it.</summary>
internal sealed class EngineAgent : IAsyncDisposable
{
    private EngineAgent(NixlAgent agent, KvPool<KjvBytesKv> pool, BlockPool blocks, PagedKvCache cache, ServingEngineOptions options)
    {
        (Agent, Pool, Blocks, Cache) = (agent, pool, blocks, cache);
        Connector = KvConnector.Start(agent);
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
        var agent = await NixlAgent.CreateAsync(
            new NixlAgentOptions
            {
                Name = ranks == 1 ? options.Name : $"{options.Name}.r{rank}",
                Transports = options.Transports,
                ListenHost = options.ListenHost,
                DefaultTimeout = options.Timeout,
                LoggerFactory = options.LoggerFactory,
                Transport = options.Fake,
            },
            cancellation);
        try
        {
            var pool = KvPool<KjvBytesKv>.Allocate(agent, options.Blocks, model.Identity, new KvPoolOptions { Parallel = new KvParallel(ranks, rank) });
            var blocks = new BlockPool(options.Blocks, new BlockPoolOptions { Name = agent.Name, Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
            BlockOrder.Shuffle(blocks, unchecked(options.Seed + (rank * 7919)));
            var cache = PoolCache.Over(pool, model.Config.Shard(ranks));
            for (var block = 0; block < options.Blocks; block++) cache.Poison(block); // what is read without having been written is noticed
            return new EngineAgent(agent, pool, blocks, cache, options);
        }
        catch
        {
            await agent.DisposeAsync();
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
        await Agent.DisposeAsync();
    }
}
