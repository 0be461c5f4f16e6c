using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>One poisoned cache per rank, each in memory of its own.</summary>
internal sealed class RankMemory : IDisposable
{
    internal const int BlockTokens = 16;

    private readonly List<KvCacheMemory> _memory;

    internal RankMemory(LlamaConfig config, int ranks, int blocks)
    {
        var shard = config.Shard(ranks);
        _memory = [.. Enumerable.Range(0, ranks).Select(_ => new KvCacheMemory(shard, blocks, BlockTokens))];
        Caches = [.. _memory.Select(memory => memory.Cache)];
    }

    internal IReadOnlyList<PagedKvCache> Caches { get; }

    public void Dispose() => _memory.ForEach(memory => memory.Dispose());
}
