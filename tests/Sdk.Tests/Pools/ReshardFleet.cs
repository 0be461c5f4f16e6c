using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>
/// All ranks of two sides, each with an agent and a pool of its own, every source rank connected to every target rank. What the targets
/// must hold afterwards is worked out element by element from where each side's layout puts it, not from the plan between them.
/// </summary>
internal sealed class ReshardFleet<TSource, TTarget> : IAsyncDisposable
    where TSource : IKvLayout<TSource>
    where TTarget : IKvLayout<TTarget>
{
    private const int SourceBlocks = 13;
    private const int TargetBlocks = 11;

    private readonly Backend _backend;
    private readonly Testing.FakeTransport _fake = new();
    private readonly List<KvPool<TSource>> _sources = [];
    private readonly List<KvPool<TTarget>> _targets = [];
    private readonly List<(KvPool<TSource> Source, KvPool<TTarget> Target, RemoteKvPool<TSource> Remote)> _writes = [];
    private readonly List<(KvPool<TSource> Source, KvPool<TTarget> Target, RemoteKvPool<TTarget> Remote)> _reads = [];

    private ReshardFleet(Backend backend) => _backend = backend;

    public IReadOnlyList<KvPool<TSource>> Sources => _sources;

    public IReadOnlyList<KvPool<TTarget>> Targets => _targets;

    public IEnumerable<(KvPool<TSource> Source, KvPool<TTarget> Target, RemoteKvPool<TSource> Remote)> Writes => _writes;

    public IEnumerable<(KvPool<TSource> Source, KvPool<TTarget> Target, RemoteKvPool<TTarget> Remote)> Reads => _reads;

    public Testing.FakeTransport Fake => _fake;

    public static async Task<ReshardFleet<TSource, TTarget>> CreateAsync(
        Backend backend, int sourceTp, int targetTp, int sourcePp = 1, int targetPp = 1)
    {
        var fleet = new ReshardFleet<TSource, TTarget>(backend);
        foreach (var rank in Ranks(sourceTp, sourcePp))
            fleet._sources.Add(KvPool<TSource>.Allocate(await fleet.AgentAsync("s"), SourceBlocks, PoolPair<TSource>.Model, new KvPoolOptions { Name = "kv", Parallel = rank }));
        foreach (var rank in Ranks(targetTp, targetPp))
            fleet._targets.Add(KvPool<TTarget>.Allocate(await fleet.AgentAsync("t"), TargetBlocks, PoolPair<TSource>.Model, new KvPoolOptions { Name = "kv", Parallel = rank }));
        foreach (var source in fleet._sources)
        {
            foreach (var target in fleet._targets)
            {
                fleet._writes.Add((source, target, source.Connect(await source.Agent.ConnectAsync(target.Agent.ExportMetadata()).SoonAsync())));
                fleet._reads.Add((source, target, target.Connect(await target.Agent.ConnectAsync(source.Agent.ExportMetadata()).SoonAsync())));
            }
        }
        return fleet;
    }

    /// <summary>Moves a run of tokens both ways, by WRITEs of the sources and by READs of the targets, and looks at every byte.</summary>
    public async Task MovesAsync(int group, int tokens, int seed)
    {
        var random = new Random(seed);
        var (from, to) = (Ids(random, Schema(_sources[0]), group, tokens, SourceBlocks), Ids(random, Schema(_targets[0]), group, tokens, TargetBlocks));
        foreach (var read in (bool[])[false, true])
        {
            Fill(group, seed);
            var before = _sources.ConvertAll(PoolBytes.Copy);
            var expected = _targets.ConvertAll(target => Expect(target, group, from, to));
            var bytes = 0L;
            if (read)
            {
                foreach (var (_, _, remote) in _reads)
                    bytes += (await remote.ReadBlocksAsync(group, to, from, new PostOptions { Notify = true }).SoonAsync()).Bytes;
            }
            else
            {
                foreach (var (_, _, remote) in _writes)
                    bytes += (await remote.WriteBlocksAsync(group, from, to, new PostOptions { Notify = true }).SoonAsync()).Bytes;
            }
            for (var t = 0; t < _targets.Count; t++) PoolBytes.AssertEqual(expected[t].Bytes, PoolBytes.Copy(_targets[t]));
            for (var s = 0; s < _sources.Count; s++) PoolBytes.AssertEqual(before[s], PoolBytes.Copy(_sources[s]));
            Assert.Equal(expected.Sum(target => target.Moved), bytes);
        }
    }

    /// <summary>Random bytes at the sources, poison at the targets.</summary>
    public void Fill(int group, int seed)
    {
        for (var i = 0; i < _sources.Count; i++) PoolBytes.FillRandom(_sources[i], seed + i);
        CopyReplicas(group);
        foreach (var target in _targets) PoolBytes.Fill(target, TestMemory.Poison);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, _, remote) in _writes) await remote.DisposeAsync().SoonAsync();
        foreach (var (_, _, remote) in _reads) await remote.DisposeAsync().SoonAsync();
        foreach (var pool in _sources.Concat<KvPool>(_targets))
        {
            pool.Dispose();
            await pool.Agent.DisposeAsync().SoonAsync();
        }
    }

    private async Task<NixlAgent> AgentAsync(string role) =>
        await NixlAgent.CreateAsync(Pair.Options(_backend, Pair.UniqueName(role), _backend == Backend.Fake ? _fake : null)).SoonAsync();

    private static KvGroupSchema[] Schema(KvPool pool) => [.. pool.Plan.Schema.Groups];

    private static IEnumerable<KvParallel> Ranks(int tp, int pp) =>
        from p in Enumerable.Range(0, pp) from t in Enumerable.Range(0, tp) select new KvParallel(tp, t, pp, p);

    private static int[] Ids(Random random, KvGroupSchema[] groups, int group, int tokens, int blocks)
    {
        var size = groups[group].BlockTokens;
        return PoolBytes.RandomIds(random, blocks, (tokens + size - 1) / size);
    }

    // Ranks that hold the same heads hold the same bytes, as they do in an engine.
    private void CopyReplicas(int group)
    {
        foreach (var pool in _sources)
        {
            var first = _sources.First(other => other.Parallel.PpRank == pool.Parallel.PpRank &&
                Enumerable.Range(0, Schema(pool)[group].Components.Count).All(c => Share(other, group, c) == Share(pool, group, c)));
            if (first == pool) continue;
            var bytes = PoolBytes.Copy(first);
            PoolBytes.Put(pool, bytes);
        }
    }

    // Token by token, element by element: where the source that holds it has it, and where the target wants it.
    public (List<byte[]> Bytes, long Moved) Expect(KvPool<TTarget> target, int group, int[] from, int[] to, List<byte[]>? before = null)
    {
        var bytes = before ?? PoolBytes.Copy(target);
        var moved = 0L;
        var (here, there) = (Schema(_sources[0])[group], Schema(target)[group]);
        var tokens = Math.Min(from.Length * here.BlockTokens, to.Length * there.BlockTokens);
        foreach (var (c, layer, head, element) in Contents(target, group))
        {
            var name = there.Components[c].Name;
            var sourceComponent = here.Components.Select((component, i) => (component.Name, i)).Single(pair => pair.Name == name).i;
            var model = target.Plan.Groups[group].Layers[layer];
            var share = Share(target, group, c);
            var source = _sources.First(pool => pool.Plan.Groups[group].Layers.Contains(model) && Holds(Share(pool, group, sourceComponent), share.FirstHead + head));
            var sourceShare = Share(source, group, sourceComponent);
            for (var token = 0; token < tokens; token++)
            {
                var size = target.Plan.Groups[group].Components[c].ElementBytes;
                var at = source.AddressOf(
                    new KvComponent(source.Plan.Schema, group, sourceComponent), source.Plan.Groups[group].Layers.ToList().IndexOf(model),
                    from[token / here.BlockTokens], share.FirstHead + head - sourceShare.FirstHead, token % here.BlockTokens, element);
                var place = target.AddressOf(
                    new KvComponent(target.Plan.Schema, group, c), layer, to[token / there.BlockTokens], head, token % there.BlockTokens, element);
                PoolBytes.Put(target, bytes, place, PoolBytes.At(at, size));
                moved += size;
            }
        }
        return (bytes, moved);
    }

    private static IEnumerable<(int Component, int Layer, int Head, long Element)> Contents(KvPool<TTarget> target, int group)
    {
        var plan = target.Plan.Groups[group];
        for (var c = 0; c < plan.Components.Count; c++)
        {
            if (!plan.Schema.Components[c].Transfer) continue;
            for (var layer = 0; layer < plan.Layers.Count; layer++)
                for (var head = 0; head < plan.Components[c].Share.Heads; head++)
                    for (long element = 0; element < plan.Components[c].Share.Elements; element++)
                        yield return (c, layer, head, element);
        }
    }

    private static bool Holds(Planning.ComponentShare share, int head) => head >= share.FirstHead && head < share.FirstHead + share.Heads;

    private static Planning.ComponentShare Share(KvPool pool, int group, int component) => pool.Plan.Groups[group].Components[component].Share;
}
