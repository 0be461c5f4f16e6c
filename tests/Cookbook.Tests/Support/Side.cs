using Xunit;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>One agent with a pool, and every byte that a transfer could touch.</summary>
internal sealed class Side<T> : IAsyncDisposable
    where T : IKvLayout<T>
{
    private static readonly ModelIdentity Model = new("tiny", "r1");
    private readonly EngineMemory? _engine;
    private readonly int[] _blocks;
    private readonly List<Area> _areas = [];
    private readonly Dictionary<(int Group, int Tensor), int> _areaOf = [];

    private Side(NixlAgent agent, KvPool<T> pool, EngineMemory? engine, NaiveGroup[] groups, int[] blocks)
    {
        Agent = agent;
        Pool = pool;
        _engine = engine;
        _blocks = blocks;
        for (var g = 0; g < groups.Length; g++)
        {
            var bytes = groups[g].Tensors(blocks[g]);
            Assert.Equal(bytes.Length, pool.Plan.Groups[g].Tensors.Count);
            if (groups[g].PageStride == 0)
                Assert.Equal(bytes, pool.Plan.Groups[g].Tensors.Select(static tensor => tensor.Bytes));
            for (var t = 0; t < bytes.Length; t++)
                AddTensor(g, t, new Area(pool.TensorAddress(g, t), (int)bytes[t]));
        }
        if (engine is not null)
            _areas.AddRange(engine.Gaps);
    }

    public NixlAgent Agent { get; }

    public KvPool<T> Pool { get; }

    public static async Task<Side<T>> CreateAsync(
        string name, NixlTransports transports, Memory memory, NaiveGroup[] groups, int[] blocks, KvParallel? parallel = null)
    {
        var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = AgentNames.Next(name), Transports = transports });
        var options = new KvPoolOptions
        {
            Parallel = parallel ?? KvParallel.Single, BlocksPerGroup = [.. blocks.Select(static count => (long)count)],
        };
        if (memory == Memory.Allocated)
            return new Side<T>(agent, KvPool<T>.Allocate(agent, blocks[0], Model, options), null, groups, blocks);
        var engine = new EngineMemory(groups, blocks, carved: memory == Memory.Carved, IsShared);
        return new Side<T>(agent, KvPool<T>.Bind(agent, engine.Binding, blocks[0], Model, options), engine, groups, blocks);
    }

    /// <summary>Whether its groups lie in the same tensors.</summary>
    public static bool IsShared => T.Schema.Groups.Any(static group => group.Share != KvShare.Own);

    /// <summary>Blocks of a group.</summary>
    public int BlocksOf(int group) => _blocks[group];

    public void FillRandom(Random random) => _areas.ForEach(area => random.NextBytes(area.Span));

    public void Poison() => _areas.ForEach(static area => area.Poison());

    public byte[][] Copy() => [.. _areas.Select(static area => area.Span.ToArray())];

    /// <summary>Writes a copy back.</summary>
    public void Fill(byte[][] copy)
    {
        for (var i = 0; i < copy.Length; i++)
            copy[i].CopyTo(_areas[i].Span);
    }

    /// <summary>The tensors of a group within a <see cref="Copy"/>.</summary>
    public Func<int, byte[]> TensorsOf(byte[][] copy, int group) => tensor => copy[_areaOf[(group, tensor)]];

    /// <summary>The pool's own idea of where each element lies is the engine's.</summary>
    public void AssertElements(NaiveGroup group, int g)
    {
        var components = Pool.Plan.Schema.Groups[g].Components.Select((_, c) => new KvComponent(Pool.Plan.Schema, g, c)).ToArray();
        for (var block = 0; block < BlocksOf(g); block++)
        {
            foreach (var (tensor, offset, bytes, element) in group.Block(BlocksOf(g), block))
            {
                var (component, layer, head, token, content) = element;
                var expected = Pool.TensorAddress(g, tensor) + (nint)offset;
                var actual = Pool.AddressOf(components[component], layer, block, head, token, content);
                Assert.True(expected == actual,
                    $"{components[component]}, block {block}, {element}: {actual - expected} bytes away from tensor {tensor}, offset {offset}");
                Assert.Equal(bytes, Pool.Plan.Groups[g].Components[component].ElementBytes);
            }
        }
    }

    /// <summary>Compares every byte.</summary>
    public void AssertIs(byte[][] expected, string context)
    {
        for (var i = 0; i < _areas.Count; i++)
        {
            var actual = _areas[i].Span;
            var at = actual.CommonPrefixLength(expected[i]);
            Assert.True(at == actual.Length, $"{Name(i)} differs at byte {at} of {actual.Length}: " +
                $"{(at < actual.Length ? $"{expected[i][at]:x2} expected, {actual[at]:x2} found" : "")}; {context}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Pool.Dispose();
        await Agent.DisposeAsync();
        _engine?.Dispose();
    }

    // Tensors of two groups may be the same memory: then they are one area.
    private void AddTensor(int group, int tensor, Area area)
    {
        var known = _areas.IndexOf(area);
        if (known < 0)
        {
            known = _areas.Count;
            _areas.Add(area);
        }
        _areaOf.Add((group, tensor), known);
    }

    private string Name(int area)
    {
        foreach (var (key, index) in _areaOf)
        {
            if (index == area)
                return $"Group {key.Group}, tensor {key.Tensor} ({Pool.Plan.Groups[key.Group].Tensors[key.Tensor].Name}) of {Agent.Name}";
        }
        return $"The engine's own memory outside of the tensors of {Agent.Name}";
    }
}
