using System.Runtime.InteropServices;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// A paged cache of float keys and values over memory that somebody else owns, typically a pool that is registered with the SDK.
/// Stateless beyond the addresses: which blocks a sequence has is in its block table. Different blocks may be used from
/// different threads.
/// </summary>
/// <remarks>
/// Float, not half: attention reads rows where they lie, without a conversion pass, and what was transferred is exactly what
/// was computed with.
/// </remarks>
public sealed unsafe class PagedKvCache
{
    private const byte PoisonByte = 0xFF; // four of them are a NaN: a read of what was never written cannot go unseen

    private readonly PagedTensor[] _keys;
    private readonly PagedTensor[] _values;
    private readonly int _heads;
    private readonly int _headDim;

    /// <summary>Lays a cache over memory.</summary>
    /// <param name="config">The model.</param>
    /// <param name="keys">Per layer, where the keys lie.</param>
    /// <param name="values">Per layer, where the values lie.</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="blockTokens">Tokens in a block.</param>
    /// <exception cref="ArgumentException">Not one tensor per layer, or rows would not begin where every pool's rows do.</exception>
    public PagedKvCache(LlamaConfig config, IReadOnlyList<PagedTensor> keys, IReadOnlyList<PagedTensor> values, long blocks, int blockTokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockTokens);
        if (keys.Count != config.Layers || values.Count != config.Layers)
            throw new ArgumentException($"{keys.Count} key and {values.Count} value tensors for {config.Layers} layers.", nameof(keys));
        // Same place in a block, same alignment, in every pool: sums over a row then run in the same order everywhere.
        foreach (var tensor in keys.Concat(values))
            if (tensor.Address == 0 || tensor.Address % AlignedBuffer.Alignment != 0 || tensor.BlockStride % AlignedBuffer.Alignment != 0)
                throw new ArgumentException($"Tensor at 0x{tensor.Address:x} with block stride {tensor.BlockStride}: both must be multiples of {AlignedBuffer.Alignment}.", nameof(keys));
        (_keys, _values, _heads, _headDim) = ([.. keys], [.. values], config.KvHeads, config.HeadDim);
        (Blocks, BlockTokens) = (blocks, blockTokens);
    }

    /// <summary>Number of blocks.</summary>
    public long Blocks { get; }

    /// <summary>Tokens in a block.</summary>
    public int BlockTokens { get; }

    internal int Layers => _keys.Length;

    internal int Heads => _heads;

    internal int HeadDim => _headDim;

    /// <summary>Blocks that <paramref name="tokens"/> tokens need.</summary>
    public int BlocksFor(int tokens) => checked(tokens + BlockTokens - 1) / BlockTokens;

    /// <summary>Overwrites everything in a block with a pattern that reads as NaN.</summary>
    public void Poison(int block)
    {
        for (var layer = 0; layer < _keys.Length; layer++)
        {
            Poison(_keys[layer], block);
            Poison(_values[layer], block);
        }
    }

    private void Poison(in PagedTensor tensor, int block)
    {
        var first = Row(tensor, block, 0, 0);
        var row = _headDim * (long)sizeof(float);
        // Nothing of others lies in between, whichever of the two comes first.
        if ((tensor.HeadStride == row && tensor.TokenStride == _heads * row) || (tensor.TokenStride == row && tensor.HeadStride == BlockTokens * row))
        {
            fixed (float* start = first) new Span<byte>(start, checked((int)(_heads * BlockTokens * row))).Fill(PoisonByte);
            return;
        }
        for (var slot = 0; slot < BlockTokens; slot++)
            for (var head = 0; head < _heads; head++) MemoryMarshal.AsBytes(Row(tensor, block, slot, head)).Fill(PoisonByte);
    }

    /// <summary>The key of one token's head.</summary>
    public Span<float> Key(int layer, int block, int slot, int head) => Row(_keys[layer], block, slot, head);

    /// <summary>The value of one token's head.</summary>
    public Span<float> Value(int layer, int block, int slot, int head) => Row(_values[layer], block, slot, head);

    /// <summary>The keys of one head in one block, slot by slot.</summary>
    internal HeadRows Keys(int layer, int block, int head) => Rows(_keys[layer], block, head);

    /// <summary>The values of one head in one block, slot by slot.</summary>
    internal HeadRows Values(int layer, int block, int head) => Rows(_values[layer], block, head);

    private HeadRows Rows(in PagedTensor tensor, int block, int head)
    {
        if ((ulong)(uint)block >= (ulong)Blocks || (uint)head >= (uint)_heads) ThrowOutside(block, 0, head);
        return new HeadRows((byte*)(tensor.Address + (nint)((block * tensor.BlockStride) + (head * tensor.HeadStride))), tensor.TokenStride);
    }

    private Span<float> Row(in PagedTensor tensor, int block, int slot, int head)
    {
        if ((ulong)(uint)block >= (ulong)Blocks || (uint)slot >= (uint)BlockTokens || (uint)head >= (uint)_heads) ThrowOutside(block, slot, head);
        // In range by the check above; the pool's owner keeps the memory alive while the cache is used.
        var address = tensor.Address + (nint)((block * tensor.BlockStride) + (slot * tensor.TokenStride) + (head * tensor.HeadStride));
        return new Span<float>((void*)address, _headDim);
    }

    private void ThrowOutside(int block, int slot, int head) =>
        throw new ArgumentOutOfRangeException(
            nameof(block), $"Block {block}, slot {slot}, head {head}: the cache has {Blocks} blocks of {BlockTokens} tokens and {_heads} heads.");
}
