namespace Nixl.Sdk.Samples.Model;

/// <summary>Plain memory for a paged cache: what an engine uses that hands nothing over. Owns the memory.</summary>
public sealed class KvCacheMemory : IDisposable
{
    private readonly AlignedBuffer _buffer;

    /// <summary>Allocates and poisons a pool.</summary>
    public KvCacheMemory(LlamaConfig config, int blocks, int blockTokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        long head = config.HeadDim * sizeof(float), token = head * config.KvHeads;
        var block = (token * blockTokens + AlignedBuffer.Alignment - 1) / AlignedBuffer.Alignment * AlignedBuffer.Alignment;
        _buffer = new AlignedBuffer(checked(block / sizeof(float) * blocks * config.Layers * 2));
        Cache = new PagedKvCache(config, Tensors(0), Tensors(1), blocks, blockTokens);
        for (var b = 0; b < blocks; b++) Cache.Poison(b);

        PagedTensor[] Tensors(int which) =>
            [.. Enumerable.Range(0, config.Layers).Select(layer => new PagedTensor(
                _buffer.Address + (nint)(((layer * 2) + which) * block * blocks), block, token, head))];
    }

    /// <summary>The cache over this memory; valid until disposed.</summary>
    public PagedKvCache Cache { get; }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
