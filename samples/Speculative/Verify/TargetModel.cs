using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>The model whose answer counts, with a cache of its own.</summary>
internal sealed class TargetModel : IDisposable
{
    private const int BlockTokens = 16;

    private readonly KvCacheMemory _memory;
    private readonly BatchRunner _runner;
    private readonly BlockPool _blocks;
    private readonly StepBatch _batch = new();

    internal TargetModel(LlamaModel model, int maxK, int seed = 1)
    {
        Model = model;
        var blocks = (model.Config.MaxPositions + BlockTokens - 1) / BlockTokens;
        _memory = new KvCacheMemory(model.Config, blocks, BlockTokens);
        _blocks = new BlockPool(blocks);
        BlockOrder.Shuffle(_blocks, seed);
        _runner = new BatchRunner(model, [_memory.Cache], Math.Max(DraftModel.Chunk, maxK + 1), maxK + 1);
        (Blocks, MaxK) = (blocks, maxK);
    }

    internal LlamaModel Model { get; }

    internal int MaxK { get; }

    internal int Blocks { get; }

    internal int FreeBlocks => _blocks.Snapshot().Free;

    /// <summary>Blocks for a sequence, the caller's.</summary>
    /// <exception cref="ArgumentException">The model was not made for so many positions.</exception>
    internal BlockLease Take(int positions) => _blocks.TryReserve(_memory.Cache.BlocksFor(positions))
        ?? throw new ArgumentException($"{positions} positions; the model was made for {Model.Config.MaxPositions}.", nameof(positions));

    /// <summary>Computes the keys and values of tokens in chunks.</summary>
    internal void Fill(ReadOnlySpan<int> tokens, int[] table, CancellationToken cancellation)
    {
        for (var at = 0; at < tokens.Length; at += DraftModel.Chunk)
        {
            _batch.Clear();
            _batch.Add(tokens.Slice(at, Math.Min(DraftModel.Chunk, tokens.Length - at)), at, table, wantsLogits: false);
            _runner.Run(_batch, cancellation: cancellation);
        }
    }

    /// <summary>
    /// Computes the last known token and all candidates in one step, and says how many candidates are what the model itself would have chosen,
    /// and its own token after those. Keys and values of the rejected ones stay in the blocks until the next step overwrites them; nothing
    /// reads them before.
    /// </summary>
    internal (int Accepted, int Token) Verify(IReadOnlyList<int> known, ReadOnlySpan<int> candidates, int[] table, CancellationToken cancellation)
    {
        _batch.Clear();
        var row = _batch.AddForAllLogits([known[^1], .. candidates], known.Count - 1, table);
        _runner.Run(_batch, cancellation: cancellation);
        var accepted = 0;
        while (true)
        {
            var token = Greedy.Choose(_runner.Logits(row + accepted));
            if (accepted == candidates.Length || candidates[accepted] != token) return (accepted, token);
            accepted++;
        }
    }

    public void Dispose()
    {
        _runner.Dispose();
        _memory.Dispose();
    }
}
