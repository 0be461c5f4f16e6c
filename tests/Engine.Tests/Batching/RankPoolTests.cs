using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// Cores whose ranks each have an agent and a pool of their own, between which the SDK moves what a target rank has of the heads: prompts
/// computed on p ranks are continued on d.
/// </summary>
public sealed class RankPoolTests : IDisposable
{
    private const int Blocks = 32;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly ModelHandle _model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
    private readonly FakeTransport _network = new();

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(2, 2)]
    [InlineData(2, 4)]
    [InlineData(4, 1)]
    [InlineData(4, 2)]
    [InlineData(4, 4)]
    public async Task Prompts_of_p_ranks_are_continued_on_d(int prefillRanks, int decodeRanks)
    {
        await using Side prefill = await Side.CreateAsync("p", prefillRanks, _model, _network), decode = await Side.CreateAsync("d", decodeRanks, _model, _network);
        var prompts = DemoPrompts.Choose(null, 5);
        var sources = prompts.Select((text, i) => prefill.Core.Add(new SequenceSpec($"p{i}", _model.Tokenizer.Encode(text), 1) { KeepBlocks = true })).ToList();
        var targets = prompts.Select((text, i) => decode.Core.Add(new SequenceSpec($"d{i}", _model.Tokenizer.Encode(text), 24) { RemotePrompt = true })).ToList();
        while (!prefill.Core.Step().IsIdle) { }
        decode.Core.Step();

        foreach (var source in prefill.Pools)
        {
            foreach (var target in decode.Pools)
            {
                await using var remote = source.Connect(await source.Agent.ConnectAsync(target.Agent.ExportMetadata()).AsTask().WaitAsync(Deadline));
                if (remote.Route(TransferOperation.Write) is { IsEmpty: true }) continue;
                foreach (var (from, to) in sources.Zip(targets))
                    await remote.WriteBlocksAsync(from.Blocks.Span, to.Blocks.Span[..from.Blocks.Length]).AsTask().WaitAsync(Deadline);
            }
        }
        foreach (var (from, to) in sources.Zip(targets))
        {
            decode.Core.Arrived(to, from.NewTokens[0]);
            prefill.Core.Release(from);
        }
        while (!decode.Core.Step().IsIdle) { }

        var monolithic = new MonolithicEngine(_model);
        for (var i = 0; i < prompts.Count; i++) Assert.Equal(monolithic.Generate(prompts[i], 24), targets[i].NewTokens.ToArray());
        Assert.Equal(targets.Sum(target => target.NewTokens.Length - 1), decode.Core.TokensComputed);
    }

    /// <summary>One engine's ranks.</summary>
    private sealed class Side : IAsyncDisposable
    {
        private Side(List<KvPool<KjvBytesKv>> pools, EngineCore core) => (Pools, Core) = (pools, core);

        internal List<KvPool<KjvBytesKv>> Pools { get; }

        internal EngineCore Core { get; }

        internal static async Task<Side> CreateAsync(string name, int ranks, ModelHandle model, FakeTransport network)
        {
            List<KvPool<KjvBytesKv>> pools = [];
            for (var rank = 0; rank < ranks; rank++)
            {
                var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = $"{name}{rank}", Transport = network });
                pools.Add(KvPool<KjvBytesKv>.Allocate(agent, Blocks, model.Identity, new KvPoolOptions { Parallel = new KvParallel(ranks, rank) }));
            }
            var caches = pools.Select(pool => PoolCache.Over(pool, model.Config.Shard(ranks))).ToList();
            return new Side(pools, new EngineCore(model.Model, caches, new SharedBlocks(Blocks, seed: ranks)));
        }

        public async ValueTask DisposeAsync()
        {
            Core.Dispose();
            foreach (var pool in Pools)
            {
                pool.Dispose();
                await pool.Agent.DisposeAsync();
            }
        }
    }
}
