using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Peers;

/// <summary>One life of one rank: an agent with pool, connector, producer and consumer, published in an exchange.</summary>
internal sealed class LinkedEngine<TLayout> : IAsyncDisposable
    where TLayout : IKvLayout<TLayout>
{
    public const int Blocks = 8;

    private readonly IMetadataExchange _exchange;
    private readonly List<KvPeerLink> _links = [];

    private LinkedEngine(NixlAgent agent, IMetadataExchange exchange, ModelIdentity model, KvParallel rank, KvConnectorOptions? connector)
    {
        _exchange = exchange;
        Agent = agent;
        Pool = KvPool<TLayout>.Allocate(agent, Blocks, model, new KvPoolOptions { Name = "kv", Parallel = rank });
        Connector = KvConnector.Start(agent, connector ?? new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(5) });
        BlockPool = new BlockPool(Blocks, new BlockPoolOptions { Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
        Producer = new KvProducer<TLayout>(Connector, Pool);
        Consumer = new KvConsumer<TLayout>(Connector, Pool, BlockPool);
    }

    public NixlAgent Agent { get; }

    public KvPool<TLayout> Pool { get; }

    public KvConnector Connector { get; }

    public BlockPool BlockPool { get; }

    public KvProducer<TLayout> Producer { get; }

    public KvConsumer<TLayout> Consumer { get; }

    public static async Task<LinkedEngine<TLayout>> StartAsync(
        string name, IMetadataExchange exchange, FakeTransport? fake, ModelIdentity? model = null, KvParallel? rank = null, KvConnectorOptions? connector = null)
    {
        var agent = await NixlAgent.CreateAsync(Pair.Options(fake is null ? Backend.Local : Backend.Fake, name, fake)).SoonAsync();
        var engine = new LinkedEngine<TLayout>(agent, exchange, model ?? PoolPair<TLayout>.Model, rank ?? new KvParallel(1, 0, 1, 0), connector);
        await exchange.PublishAsync(name, agent.ExportMetadata);
        return engine;
    }

    /// <summary>The other half of a test's link.</summary>
    public KvPeerLink LinkTo(NixlAgent peer, KvPeerLinkOptions options, bool produces = true, bool consumes = true)
    {
        var link = new KvPeerLink<TLayout>(Pool, _exchange, [new KvPeerRank(peer.Name)], produces ? Producer : null, consumes ? Consumer : null, options);
        _links.Add(link);
        return link;
    }

    /// <summary>What the engine has to do for each request. Returns the blocks in which the prompt is.</summary>
    public async Task<int[]> ServeOneAsync(int seed)
    {
        PoolBytes.FillRandom(Pool, seed);
        using var deadline = new CancellationTokenSource(Deadlines.Soon);
        await foreach (var push in Producer.ReadRequestsAsync(deadline.Token))
        {
            await using (push)
            {
                using var own = BlockPool.TryReserve(3)!;
                own.MarkComputed();
                push.Accept(own);
                await push.WriteAsync(deadline.Token);
                await push.CompleteAsync(cancellationToken: deadline.Token);
                return own.Blocks.ToArray();
            }
        }
        throw new InvalidOperationException("no request");
    }

    /// <summary>The end of the process: nothing is said to anybody.</summary>
    public async ValueTask DisposeAsync()
    {
        await _exchange.WithdrawAsync(Agent.Name);
        await Agent.DisposeAsync().SoonAsync();
        foreach (var link in _links) await link.DisposeAsync().SoonAsync();
        Producer.Dispose();
        Consumer.Dispose();
        await Connector.DisposeAsync().SoonAsync();
        BlockPool.Dispose();
        Pool.Dispose();
    }
}
