using System.IO.Hashing;

namespace Nixl.Sdk;

/// <summary>
/// Checksums of what goes between a local pool and a peer's: one for each layer of each of the target's blocks, XXH3 with 64 bits over its bytes in
/// the order of the transfer's pieces. Both sides get the same number from their own memory, wherever the bytes lie in it.
/// </summary>
/// <remarks>Immutable, thread-safe. Owns nothing; holds the local pool's memory while it reads.</remarks>
internal sealed class BlockSums
{
    private readonly KvPool _pool;
    private readonly int _group;
    private readonly StridedRegion[][] _layers;
    private readonly int _unitsPerBlock;
    private readonly int _unitsPerTarget;

    /// <param name="pool">The local pool.</param>
    /// <param name="group">The group's index in its layout.</param>
    /// <param name="layers">For each layer that is counted, its pieces in the local pool, in the transfer's order.</param>
    /// <param name="unitsPerBlock">Units of a local block.</param>
    /// <param name="unitsPerTarget">Units of one of the target's blocks.</param>
    public BlockSums(KvPool pool, int group, StridedRegion[][] layers, int unitsPerBlock, int unitsPerTarget)
    {
        _pool = pool;
        _group = group;
        _layers = layers;
        _unitsPerBlock = unitsPerBlock;
        _unitsPerTarget = unitsPerTarget;
    }

    /// <summary>Layers that are counted, as in the <see cref="Serving.ArrivalPart"/>; at least 1.</summary>
    public int Layers => _layers.Length;

    /// <summary>The target's blocks that so many local ones fill.</summary>
    public int TargetBlocks(int localBlocks) => (int)((long)localBlocks * _unitsPerBlock / _unitsPerTarget);

    /// <summary>Reads the memory and makes the checksums.</summary>
    /// <param name="layer">The first layer's ordinal.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="blocks">Local ids, in the order of their tokens.</param>
    /// <param name="sums">Layers × the target's blocks: all blocks of the first layer, then those of the next.</param>
    /// <exception cref="ObjectDisposedException">The pool or its agent is disposed.</exception>
    public void Compute(int layer, int layers, ReadOnlySpan<int> blocks, Span<ulong> sums)
    {
        var targets = sums.Length / layers;
        var hash = new XxHash3();
        var list = _pool.Local(_group).Handle;
        var held = false;
        try
        {
            list.DangerousAddRef(ref held); // keeps the memory registered and mapped, also if the pool is disposed meanwhile
            for (var i = 0; i < sums.Length; i++) sums[i] = Compute(hash, _layers[layer + (i / targets)], blocks, i % targets);
        }
        finally
        {
            if (held) list.DangerousRelease();
        }
    }

    /// <summary>Why there can be no checksums of a pool's blocks; null if there can.</summary>
    public static string? Problem(string pool, IEnumerable<KvGroupMemory> groups)
    {
        foreach (var group in groups)
            foreach (var tensor in group.Tensors)
                if (tensor.Kind != MemoryKind.Dram) return $"group '{group.Plan.Schema.Name}' of pool '{pool}' lies in {tensor.Kind} memory, which the host cannot read, so it has no checksums";
        return null;
    }

    private unsafe ulong Compute(XxHash3 hash, StridedRegion[] pieces, ReadOnlySpan<int> blocks, int target)
    {
        var gate = _pool.Agent.Runtime.Gate;
        gate.Enter(); // an agent that is being disposed unmaps its arenas when everybody has left
        try
        {
            for (var i = 0; i < _unitsPerTarget; i++)
            {
                var (block, unit) = Math.DivRem(((long)target * _unitsPerTarget) + i, _unitsPerBlock);
                var id = ((ulong)blocks[(int)block] * (ulong)_unitsPerBlock) + (ulong)unit;
                foreach (ref readonly var piece in pieces.AsSpan())
                {
                    // Bound memory is kept by the engine while it is registered, an arena by the list and the gate.
                    var address = piece.AddressOf(id);
                    for (var at = 0UL; at < piece.Length; at += MaxSpan) hash.Append(new ReadOnlySpan<byte>((byte*)(address + at), (int)Math.Min(MaxSpan, piece.Length - at)));
                }
            }
            return hash.GetCurrentHashAsUInt64();
        }
        finally
        {
            hash.Reset();
            gate.Exit();
        }
    }

    private const ulong MaxSpan = 1 << 30;
}
