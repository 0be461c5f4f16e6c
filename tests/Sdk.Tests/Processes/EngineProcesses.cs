using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.PeerProcess.Serving;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Processes;

/// <summary>An engine here, and others in processes of their own that can be killed, stopped and started again under one name.</summary>
internal sealed class EngineProcesses : IAsyncDisposable
{
    public const int Blocks = 20;
    public const int PromptBlocks = 8;

    private readonly Backend _backend;
    private readonly string _name = Pair.UniqueName("engine");
    private readonly List<ChildProcess> _children = [];

    private EngineProcesses(Backend backend, NixlAgent agent, TimeProvider time)
    {
        _backend = backend;
        Agent = agent;
        Pool = KvPool<EngineKv>.Allocate(agent, Blocks, EngineKv.Model, new KvPoolOptions { Name = EngineKv.PoolName });
        Connector = KvConnector.Start(agent, new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(10), TimeProvider = time });
        BlockPool = new BlockPool(Blocks, new BlockPoolOptions { Owner = new PeerIdentity(agent.Name, agent.Incarnation), TimeProvider = time });
        Producer = new KvProducer<EngineKv>(Connector, Pool);
        Consumer = new KvConsumer<EngineKv>(Connector, Pool, BlockPool);
    }

    public NixlAgent Agent { get; }

    public KvPool<EngineKv> Pool { get; }

    public KvConnector Connector { get; }

    public BlockPool BlockPool { get; }

    public KvProducer<EngineKv> Producer { get; }

    public KvConsumer<EngineKv> Consumer { get; }

    public static async Task<EngineProcesses> CreateAsync(Backend backend, FakeTimeProvider? time = null) =>
        new(backend, await NixlAgent.CreateAsync(Pair.Options(backend, Pair.UniqueName("here"))).SoonAsync(), time ?? TimeProvider.System);

    /// <summary>A process under the name that all have, connected both ways.</summary>
    public async Task<(ChildProcess Process, RemoteKvPool<EngineKv> Pool, KvSource Source)> StartAsync()
    {
        var child = ChildProcess.Start("engine", _name, _backend.Transports().ToString(), $"{Blocks}");
        _children.Add(child);
        var remote = Pool.Connect(await Agent.ConnectAsync(Convert.FromBase64String(await child.ExpectAsync("metadata"))).SoonAsync());
        Producer.AddConsumer(remote);
        await child.AskAsync($"connect {Convert.ToBase64String(Agent.ExportMetadata())}", "connected");
        return (child, remote, Consumer.AddSource(remote));
    }

    public static KvRequest Request(string name, TimeSpan? timeout = null) => new(name, new KvRequestBlocks(PromptBlocks)) { Timeout = timeout ?? Deadlines.Soon };

    /// <summary>A whole push into this engine, of which every byte is looked at.</summary>
    public async Task ReceivesAsync(ChildProcess producer, KvSource source, int seed)
    {
        using var receive = await Consumer.RequestAsync(source, Request($"{seed}")).SoonAsync();
        await producer.AskAsync($"serve {seed} 1", "wrote");
        await producer.AskAsync("finish", "finished");
        await receive.WaitAsync().SoonAsync();
        Assert.Equal(BlockState.Ready, receive.Leases[0].State);
        Assert.Null(EngineKv.Difference(Pool, seed, receive.Leases[0].Blocks));
    }

    public async Task<KvPush> NextAsync()
    {
        using var deadline = new CancellationTokenSource(Deadlines.Soon);
        await foreach (var push in Producer.ReadRequestsAsync(deadline.Token)) return push;
        throw new InvalidOperationException("no request");
    }

    /// <summary>Everything is free here, and nobody has anything of anybody.</summary>
    public async Task AllFreeAsync()
    {
        await Deadlines.UntilAsync(() => BlockPool.Snapshot().Free == Blocks, $"blocks: {BlockPool.Snapshot()}");
        await Deadlines.UntilAsync(() => Connector.Snapshot() is { Given: 0, Held: 0 }, $"connector: {Connector.Snapshot()}");
        Assert.Equal(0, BlockPool.Snapshot().OpenGrants);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var child in _children) await child.DisposeAsync();
        await Connector.DisposeAsync().SoonAsync();
        BlockPool.Dispose();
        Pool.Dispose();
        await Agent.DisposeAsync().SoonAsync();
    }
}
