using Nixl.Sdk.Metadata;

namespace Nixl.Sdk;

public abstract partial class KvPool
{
    /// <summary>Bytes of one block that are transferred, all layers of this rank.</summary>
    public long BytesPerBlock(int group = 0) => Groups[group].Plan.BytesPerBlock * Groups[group].PhysicalBlocksPerBlock;

    /// <summary>Contiguous pieces that one block has.</summary>
    public int PiecesPerBlock(int group = 0) => Groups[group].Regions.Length;

    /// <summary>Blocks of a group.</summary>
    public long BlocksOf(int group) => Groups[group].Blocks;

    /// <summary>The strided regions of a group: piece i of block b is piece b of region i.</summary>
    public ReadOnlySpan<StridedRegion> Regions(int group = 0) => Groups[group].Regions;

    /// <summary>First byte of a tensor of the first group.</summary>
    public nint TensorAddress(int tensor) => TensorAddress(0, tensor);

    /// <summary>First byte of a tensor.</summary>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="tensor">The tensor's index in the group's plan.</param>
    public nint TensorAddress(int group, int tensor) => (nint)Groups[group].Tensors[tensor].Address;

    /// <summary>Bytes of one piece of one block of the first group.</summary>
    public Span<byte> Piece(int piece, long block) => Piece(0, piece, block);

    /// <summary>
    /// Bytes of one piece of one block. The memory is the pool's or the engine's; the span must not be used after the pool is
    /// disposed.
    /// </summary>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="piece">0 … <see cref="PiecesPerBlock"/>-1.</param>
    /// <param name="block">0 … blocks-1; 64-bit.</param>
    /// <exception cref="ObjectDisposedException">The pool is disposed, or it was allocated and its agent is.</exception>
    /// <exception cref="InvalidOperationException">The memory is not host memory, or the piece is larger than a span can be.</exception>
    public unsafe Span<byte> Piece(int group, int piece, long block)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0 || !_memory.IsMapped, this);
        ref readonly var region = ref Groups[group].Regions[piece];
        if ((ulong)block >= region.Count) throw new ArgumentOutOfRangeException(nameof(block), block, $"The group has {region.Count} blocks.");
        if (region.Kind != MemoryKind.Dram) throw new InvalidOperationException($"Pool '{Name}' lies in {region.Kind} memory, which has no span.");
        if (region.Length > int.MaxValue) throw new InvalidOperationException($"A piece has {region.Length} bytes; use TensorAddress and 64-bit offsets.");
        // KvPoolMemory keeps the arena mapped until Dispose; bound memory is kept by the engine.
        return new Span<byte>((byte*)(region.Base + ((ulong)block * region.Stride)), (int)region.Length);
    }

    /// <summary>Address of one element of a component.</summary>
    /// <param name="component">The component, as the layout type's property gives it.</param>
    /// <param name="layer">The layer's ordinal on this rank.</param>
    /// <param name="block">The physical block (the block, unless several physical blocks make one).</param>
    /// <param name="head">The head within this rank's share; 0 without a head dimension.</param>
    /// <param name="entry">The token within the block; 0 without a token dimension.</param>
    /// <param name="element">The element of the content.</param>
    public nint AddressOf(KvComponent component, int layer, long block, int head = 0, int entry = 0, long element = 0)
    {
        var memory = Groups[component.GroupIndex];
        var location = memory.Plan.Components[component.Index].Locate(layer, block, head, entry, element);
        PoolTensorAdvertisement tensor = memory.Tensors[location.TensorIndex];
        var planned = memory.Plan.Tensors[location.TensorIndex];
        // A page stride of the engine's own shifts whole blocks only (checked when bound).
        var shift = planned.BlocksOutermost ? block * ((long)tensor.PageStride - planned.PageStride) : 0;
        return (nint)(tensor.Address + (ulong)(location.Offset + shift));
    }
}
