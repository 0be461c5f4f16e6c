using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>A prefill engine and a decode engine of some ranks each, all connected, with connectors, producers and consumers.</summary>
internal sealed class ServingFleet<TSource, TTarget> : IAsyncDisposable
    where TSource : IKvLayout<TSource>
    where TTarget : IKvLayout<TTarget>
{
    public const int SourceBlocks = 13;
    public const int TargetBlocks = 11;

    private ServingFleet(ReshardFleet<TSource, TTarget> pools) => Pools = pools;

    public ReshardFleet<TSource, TTarget> Pools { get; }

    public List<KvConnector> SourceConnectors { get; } = [];

    public List<KvConnector> TargetConnectors { get; } = [];

    public List<KvProducer<TSource>> Producers { get; } = [];

    public List<KvConsumer<TTarget>> Consumers { get; } = [];

    public List<KvSource> Sources { get; } = [];

    /// <summary>By rank, of each group; groups that share blocks have one pool.</summary>
    public List<BlockPool[]> SourceGroups { get; } = [];

    public List<BlockPool[]> TargetGroups { get; } = [];

    /// <summary>By rank, of the first group.</summary>
    public List<BlockPool> SourceBlockPools => SourceGroups.ConvertAll(static groups => groups[0]);

    public List<BlockPool> TargetBlockPools => TargetGroups.ConvertAll(static groups => groups[0]);

    public static async Task<ServingFleet<TSource, TTarget>> CreateAsync(
        Backend backend, int sourceTp = 1, int targetTp = 1, KvConnectorOptions? options = null, TimeProvider? time = null, bool checksums = false, bool? sourceChecksums = null)
    {
        var fleet = new ServingFleet<TSource, TTarget>(await ReshardFleet<TSource, TTarget>.CreateAsync(backend, sourceTp, targetTp));
        KvConnectorOptions Options(bool checksums) =>
            options ?? new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(5), TimeProvider = time ?? TimeProvider.System, Checksums = checksums };
        foreach (var pool in fleet.Pools.Sources)
        {
            var connector = KvConnector.Start(pool.Agent, Options(sourceChecksums ?? checksums));
            var producer = new KvProducer<TSource>(connector, pool);
            foreach (var (source, _, remote) in fleet.Pools.Writes)
                if (source == pool) producer.AddConsumer(remote);
            fleet.SourceConnectors.Add(connector);
            fleet.Producers.Add(producer);
            fleet.SourceGroups.Add(Groups(pool, SourceBlocks, 1, time));
        }
        foreach (var pool in fleet.Pools.Targets)
        {
            var connector = KvConnector.Start(pool.Agent, Options(checksums));
            var blocks = Groups(pool, TargetBlocks, 2, time);
            var consumer = new KvConsumer<TTarget>(connector, pool, blocks);
            fleet.TargetConnectors.Add(connector);
            fleet.Consumers.Add(consumer);
            fleet.TargetGroups.Add(blocks);
            fleet.Sources.Add(consumer.AddSource([.. fleet.Pools.Reads.Where(read => read.Target == pool).Select(read => read.Remote)]));
        }
        return fleet;
    }

    /// <summary>The same blocks at every rank, all computed.</summary>
    public BlockLease[] Compute(int blocks)
    {
        var leases = SourceBlockPools.Select(pool => pool.TryReserve(blocks)!).ToArray();
        foreach (var lease in leases) lease.MarkComputed();
        return leases;
    }

    /// <summary>The same blocks of every group at every rank, all computed.</summary>
    public List<BlockLease[]> ComputeGroups(params int[] blocks)
    {
        var leases = SourceGroups.ConvertAll(groups => groups.Zip(blocks, static (pool, count) => pool.TryReserve(count)!).ToArray());
        foreach (var lease in leases.SelectMany(static lease => lease)) lease.MarkComputed();
        return leases;
    }

    /// <summary>The next request that a rank gets.</summary>
    public async Task<KvPush> NextAsync(int rank = 0)
    {
        using var deadline = new CancellationTokenSource(Deadlines.Soon);
        await foreach (var push in Producers[rank].ReadRequestsAsync(deadline.Token)) return push;
        throw new InvalidOperationException("no request");
    }

    /// <summary>A whole push of three blocks from the first source rank to the first target rank, until nobody has anything any more.</summary>
    public async Task PushAsync()
    {
        using var receive = await Consumers[0].RequestAsync(Sources[0], new KvRequest("r", new KvRequestBlocks(3)));
        await using var push = await NextAsync();
        using var own = Compute(3)[0];
        push.Accept(own);
        await push.WriteAsync();
        await push.CompleteAsync();
        await receive.WaitAsync().SoonAsync();
        await AssertAllEndedAsync();
    }

    /// <summary>What a target rank must hold: only blocks that were moved differ from what it holds now.</summary>
    public List<byte[]> Expect(int rank, ReadOnlySpan<int> from, ReadOnlySpan<int> to) => Pools.Expect(Pools.Targets[rank], 0, from.ToArray(), to.ToArray()).Bytes;

    public void AssertHolds(int rank, List<byte[]> expected) => PoolBytes.AssertEqual(expected, PoolBytes.Copy(Pools.Targets[rank]));

    /// <summary>What was handed over has been compared, all of it, if and only if that was wanted: one checksum of each layer of each block of each source rank.</summary>
    public void AssertCompared(int rank, bool checksums, params ReadOnlySpan<int> blocks)
    {
        var expected = 0L;
        for (var group = 0; group < blocks.Length; group++) expected += Sources[rank].Plans[group].Parts.Sum(static part => part.LayerCount) * blocks[group];
        var compared = TargetConnectors[rank].Snapshot();
        Assert.Equal((checksums ? expected : 0, 0), (compared.ChecksumsEqual, compared.ChecksumsDifferent));
    }

    /// <summary>Nobody has anything of anybody any more.</summary>
    public async Task AssertAllEndedAsync()
    {
        foreach (var connector in SourceConnectors.Concat(TargetConnectors))
            await Deadlines.UntilAsync(() => connector.Snapshot() is { Given: 0, Held: 0 }, $"{connector.Agent.Name}: {connector.Snapshot()}");
        foreach (var pool in SourceGroups.Concat(TargetGroups).SelectMany(static groups => groups))
            await Deadlines.UntilAsync(() => pool.Snapshot() is { OpenGrants: 0, Quarantined: 0, InFlight: 0 }, $"{pool.Owner}: {pool.Snapshot()}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connector in SourceConnectors.Concat(TargetConnectors))
        {
            var ending = connector.DisposeAsync().AsTask();
            // What is still being sent or stopped is waited for by the test's clock, which nobody else moves any more.
            if (connector.Options.TimeProvider is FakeTimeProvider clock)
                await Deadlines.UntilAsync(() => { clock.Advance(connector.Options.CheckInterval); return ending.IsCompleted; }, "the connector has ended");
            await ending.SoonAsync();
        }
        foreach (var pool in SourceGroups.Concat(TargetGroups).SelectMany(static groups => groups)) pool.Dispose();
        await Pools.DisposeAsync();
    }

    private static BlockPool[] Groups(KvPool pool, int blocks, int seed, TimeProvider? time)
    {
        var shared = Shuffled(pool.Agent, blocks, seed, time);
        return [.. pool.Plan.Schema.Groups.Select((group, i) => i == 0 || group.Share == KvShare.Overlay ? shared : Shuffled(pool.Agent, blocks, seed + i, time))];
    }

    // Ids come in random order.
    private static BlockPool Shuffled(NixlAgent agent, int blocks, int seed, TimeProvider? time)
    {
        var options = new BlockPoolOptions { Owner = new PeerIdentity(agent.Name, agent.Incarnation) };
        if (time is not null) options.TimeProvider = time;
        var pool = new BlockPool(blocks, options);
        var single = Enumerable.Range(0, blocks).Select(_ => pool.TryReserve(1)!).ToArray();
        new Random(seed).Shuffle(single);
        foreach (var lease in single) lease.Dispose();
        return pool;
    }
}
