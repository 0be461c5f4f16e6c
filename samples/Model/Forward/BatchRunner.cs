namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Runs batches of chunks through a model over paged caches, one cache per rank of tensor parallelism. Logits are the same bits for any batch,
/// any chunks, any blocks and any number of ranks. Holds the activations of one step; one thread at a time.
/// </summary>
public sealed class BatchRunner : IDisposable
{
    private readonly LlamaConfig _config;
    private readonly PagedKvCache _cache;
    private readonly RankForward[] _ranks;
    private readonly RankThreads _threads;
    private readonly AllReduce _allReduce;
    private readonly Matrix _logits;

    /// <summary>Creates a runner whose ranks share one model's weights.</summary>
    /// <param name="model">The whole model; the caller's, alive for longer than the runner.</param>
    /// <param name="caches">One cache per rank, each with the heads of that rank (<see cref="LlamaConfig.Shard"/>) and the same number of blocks.</param>
    /// <param name="maxTokens">The most tokens in a step.</param>
    /// <param name="maxLogits">The most rows of logits that are wanted in a step.</param>
    /// <param name="timeout">How long a rank waits for the others inside a step before it gives up; 30 s if null.</param>
    /// <exception cref="ArgumentException">The model cannot be cut into so many ranks, or a cache has not the heads of its rank.</exception>
    public BatchRunner(LlamaModel model, IReadOnlyList<PagedKvCache> caches, int maxTokens, int maxLogits, TimeSpan? timeout = null)
        : this(Shared(model, caches), caches, maxTokens, maxLogits, timeout)
    {
    }

    /// <summary>Creates a runner whose ranks have weights of their own.</summary>
    /// <param name="models">Per rank its shard (<see cref="LlamaModel.Rank"/>), or a whole model; the caller's, alive for longer than the runner.</param>
    /// <param name="caches">One cache per rank.</param>
    /// <param name="maxTokens">The most tokens in a step.</param>
    /// <param name="maxLogits">The most rows of logits that are wanted in a step.</param>
    /// <param name="timeout">How long a rank waits for the others inside a step before it gives up; 30 s if null.</param>
    /// <exception cref="ArgumentException">A model is another rank's shard or has another shape, or a cache has not the heads of its rank.</exception>
    public BatchRunner(IReadOnlyList<LlamaModel> models, IReadOnlyList<PagedKvCache> caches, int maxTokens, int maxLogits, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(caches);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxLogits);
        if (models.Count != caches.Count) throw new ArgumentException($"{models.Count} models for {caches.Count} caches; each rank has one of each.", nameof(models));
        var config = models.Count > 0 ? models[0].Config : throw new ArgumentException("No ranks.", nameof(models));
        var shard = config.Shard(caches.Count);
        for (var rank = 0; rank < caches.Count; rank++)
        {
            Require(models[rank], rank, models.Count, config);
            Require(caches[rank], rank, shard, caches[0]);
        }
        (_config, _cache, MaxTokens, MaxLogits) = (config, caches[0], maxTokens, maxLogits);
        _logits = new Matrix(maxLogits, config.VocabularySize);
        var deadline = timeout ?? TimeSpan.FromSeconds(30);
        _allReduce = new AllReduce(config, caches.Count, maxTokens, deadline);
        _ranks = [.. caches.Select((cache, rank) => new RankForward(models[rank], cache, new RankSpec(rank, caches.Count, shard), maxTokens, maxLogits, _allReduce, _logits))];
        _threads = new RankThreads(caches.Count, deadline);
    }

    /// <summary>The most tokens in a step.</summary>
    public int MaxTokens { get; }

    /// <summary>The most rows of logits that are wanted in a step.</summary>
    public int MaxLogits { get; }

    /// <summary>Tokens that went through the model since the start: a decoder that was handed its prompt never counts it.</summary>
    public long TokensComputed { get; private set; }

    /// <summary>Writes the keys and values of the batch's tokens into the caches and computes the logits that are wanted.</summary>
    /// <param name="batch">What to compute.</param>
    /// <param name="stored">Called with rank and layer as soon as the rank's keys and values of that layer are in its cache, before the layer's attention. On the
    /// rank's thread, which it must not hold up; the ranks are at it at the same time.</param>
    /// <param name="cancellation">Looked at before the step begins.</param>
    /// <exception cref="ArgumentException">A chunk does not fit the model or the caches; nothing was computed.</exception>
    /// <exception cref="InvalidOperationException">A rank failed; the runner cannot be used any more.</exception>
    public void Run(StepBatch batch, Action<int, int>? stored = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Check(batch);
        cancellation.ThrowIfCancellationRequested(); // a step itself takes milliseconds and is never left half done
        _threads.Run(rank => _ranks[rank].Run(batch, stored), _allReduce.Cancel);
        TokensComputed += batch.Tokens;
    }

    /// <summary>Logits of the last step, by the row that <c>StepBatch.Add</c> returned; valid until the next step.</summary>
    public ReadOnlySpan<float> Logits(int row) => _logits.Row(row);

    /// <summary>
    /// Whether no rank computes any more; true only after <see cref="Dispose"/>. A rank that hangs in a step for longer than the timeout makes it false: then
    /// models and caches have to stay as long as the process.
    /// </summary>
    public bool HasEnded => _threads.HasEnded;

    /// <inheritdoc/>
    public void Dispose()
    {
        _threads.Dispose();
        if (!HasEnded) return; // a rank may still compute on all of it
        foreach (var rank in _ranks) rank.Dispose();
        _allReduce.Dispose();
        _logits.Dispose();
    }

    private static LlamaModel[] Shared(LlamaModel model, IReadOnlyList<PagedKvCache> caches)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(caches);
        return [.. Enumerable.Repeat(model, caches.Count)];
    }

    private static void Require(LlamaModel model, int rank, int ranks, LlamaConfig config)
    {
        if (model.IsShard && (model.Rank, model.Ranks) != (rank, ranks))
            throw new ArgumentException($"Rank {rank} of {ranks} was given the weights of rank {model.Rank} of {model.Ranks}.", nameof(model));
        if (model.Config with { EosTokens = config.EosTokens } != config)
            throw new ArgumentException($"Rank {rank}'s model has another configuration than rank 0's.", nameof(model));
    }

    private static void Require(PagedKvCache cache, int rank, LlamaConfig shard, PagedKvCache first)
    {
        if (cache.Heads != shard.KvHeads || cache.HeadDim != shard.HeadDim || cache.Layers != shard.Layers)
            throw new ArgumentException($"Rank {rank}'s cache has {cache.Layers} layers of {cache.Heads} heads of {cache.HeadDim}; {shard.Layers} layers of {shard.KvHeads} heads of {shard.HeadDim} are its share.", nameof(cache));
        if (cache.Blocks != first.Blocks || cache.BlockTokens != first.BlockTokens)
            throw new ArgumentException($"Rank {rank}'s cache has {cache.Blocks} blocks of {cache.BlockTokens} tokens, rank 0's {first.Blocks} of {first.BlockTokens}; all ranks have the same number.", nameof(cache));
    }

    private void Check(StepBatch batch)
    {
        if (batch.Tokens < 1 || batch.Tokens > MaxTokens) throw new ArgumentException($"{batch.Tokens} tokens; a step takes 1 to {MaxTokens}.", nameof(batch));
        if (batch.LogitsRows > MaxLogits) throw new ArgumentException($"Logits of {batch.LogitsRows} tokens; a step gives at most {MaxLogits}.", nameof(batch));
        foreach (var chunk in batch.AllChunks)
        {
            if (chunk.Count < 1) throw new ArgumentException("A chunk without tokens.", nameof(batch));
            if (chunk.Position < 0 || chunk.Position > _config.MaxPositions - chunk.Count)
                throw new ArgumentOutOfRangeException(nameof(batch), $"Positions [{chunk.Position}, +{chunk.Count}); the model was made for {_config.MaxPositions}.");
            var needed = _cache.BlocksFor(chunk.Position + chunk.Count);
            if (chunk.BlockTables.Count != 1 && chunk.BlockTables.Count != _ranks.Length)
                throw new ArgumentException($"{chunk.BlockTables.Count} block tables for {_ranks.Length} ranks; one for each, or one for all.", nameof(batch));
            foreach (var table in chunk.BlockTables)
            {
                if (needed > table.Length)
                    throw new ArgumentException($"{table.Length} blocks for {chunk.Position + chunk.Count} tokens; {needed} are needed.", nameof(batch));
                foreach (var block in table.Span[..needed])
                    if ((ulong)(uint)block >= (ulong)_cache.Blocks)
                        throw new ArgumentOutOfRangeException(nameof(batch), $"Block {block}; the cache has {_cache.Blocks} blocks.");
            }
        }
        foreach (var token in batch.AllTokens)
            if ((uint)token >= (uint)_config.VocabularySize)
                throw new ArgumentOutOfRangeException(nameof(batch), $"Token {token}; the vocabulary has {_config.VocabularySize}.");
    }
}
