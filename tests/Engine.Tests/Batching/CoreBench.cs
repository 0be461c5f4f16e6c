using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>An engine core over memory of its own, and what each of its sequences has to come to: tokens and cache of the sequence run alone.</summary>
internal sealed class CoreBench : IDisposable
{
    private const int Steps = 20_000; // no test needs so many: a core that makes no progress fails instead of hanging

    private readonly LlamaModel _model;
    private readonly RankMemory _memory;
    private readonly Dictionary<Sequence, List<int>> _emitted = [];

    private int _added;

    internal CoreBench(LlamaModel model, int ranks, int blocks, EngineCoreOptions? options = null, int seed = 1)
    {
        _model = model;
        _memory = new RankMemory(model.Config, ranks, blocks);
        Pools = [.. Enumerable.Range(0, ranks).Select(_ => new BlockPool(blocks))];
        for (var rank = 0; rank < ranks; rank++) BlockOrder.Shuffle(Pools[rank], seed + (rank * 100)); // each rank has its own order
        Core = new EngineCore(model, _memory.Caches, Pools, new BlockHasher(new ModelIdentity("test", "1", "none"), RankMemory.BlockTokens), options);
    }

    internal EngineCore Core { get; }

    internal IReadOnlyList<BlockPool> Pools { get; }

    /// <summary>Blocks that can be reserved, of the rank that has the fewest.</summary>
    internal int Free => Pools.Min(pool => pool.Snapshot() is var now ? now.Free + now.Cached : 0);

    internal IReadOnlyList<PagedKvCache> Caches => _memory.Caches;

    internal Sequence Add(int[] prompt, int maxNewTokens, bool pinned = false, bool keep = false) =>
        Core.Add(new SequenceSpec($"s{_added++}", prompt, maxNewTokens) { Pinned = pinned, KeepBlocks = keep });

    /// <summary>One step; what it emitted is kept.</summary>
    internal StepResult Step()
    {
        var result = Core.Step();
        foreach (var (sequence, token) in result.Outputs)
        {
            if (!_emitted.TryGetValue(sequence, out var tokens)) _emitted.Add(sequence, tokens = []);
            tokens.Add(token);
        }
        return result;
    }

    /// <summary>Steps until nothing more happens.</summary>
    internal List<StepResult> RunToEnd()
    {
        List<StepResult> results = [];
        while (true)
        {
            results.Add(Step());
            if (results[^1].IsIdle) return results;
            Assert.True(results.Count < Steps, "no end");
        }
    }

    /// <summary>Its tokens, each emitted once, and if it kept its blocks every bit of its cache, are those of the sequence alone.</summary>
    internal void AssertAsAlone(Sequence sequence)
    {
        Assert.Equal(SequenceState.Finished, sequence.State);
        int[] prompt = [.. sequence.Spec.Prompt];
        using var memory = new RankMemory(_model.Config, 1, 40);
        var expected = Alone(_model, memory.Caches[0], prompt, sequence.Spec.MaxNewTokens);
        Assert.Equal(expected, sequence.NewTokens.ToArray());
        if (!sequence.IsAdopted) Assert.Equal(expected, _emitted[sequence]);
        Assert.Equal(_model.Config.EosTokens.Contains(expected[^1]) ? FinishReason.Stop : FinishReason.Length, sequence.FinishReason);
        if (sequence.Spec.KeepBlocks) AssertSameCache(memory.Caches[0], [.. Enumerable.Range(0, 40)], sequence.BlockTables, prompt.Length + expected.Length - 1);
    }

    /// <summary>Greedy tokens of a sequence that has the model for itself, in chunks of one token.</summary>
    internal static int[] Alone(LlamaModel model, PagedKvCache cache, int[] prompt, int maxNewTokens)
    {
        using var runner = new LlamaRunner(model, cache, 1);
        int[] table = [.. Enumerable.Range(0, (int)cache.Blocks)];
        List<int> answer = [Greedy.Choose(runner.Prefill(prompt, table))];
        while (answer.Count < maxNewTokens && !model.Config.EosTokens.Contains(answer[^1]))
            answer.Add(Greedy.Choose(runner.Forward([answer[^1]], prompt.Length + answer.Count - 1, table)));
        return [.. answer];
    }

    public void Dispose()
    {
        Core.Dispose();
        foreach (var pool in Pools) pool.Dispose();
        _memory.Dispose();
    }

    private void AssertSameCache(PagedKvCache expected, int[] expectedTable, IReadOnlyList<ReadOnlyMemory<int>> tables, int positions)
    {
        var perRank = Caches[0].Heads;
        for (var layer = 0; layer < _model.Config.Layers; layer++)
            for (var position = 0; position < positions; position++)
                for (var head = 0; head < _model.Config.KvHeads; head++)
                {
                    var (index, slot) = (position / RankMemory.BlockTokens, position % RankMemory.BlockTokens);
                    var cache = Caches[head / perRank];
                    var table = tables[head / perRank].Span;
                    Assert.True(
                        BatchForwardTests.SameBits(expected.Key(layer, expectedTable[index], slot, head), cache.Key(layer, table[index], slot, head % perRank))
                        && BatchForwardTests.SameBits(expected.Value(layer, expectedTable[index], slot, head), cache.Value(layer, table[index], slot, head % perRank)),
                        $"layer {layer}, position {position}, head {head} differs");
                }
    }
}
