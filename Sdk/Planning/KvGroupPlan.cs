namespace Nixl.Sdk.Planning;

/// <summary>The memory of one group on one rank, in bytes. Immutable.</summary>
/// <param name="Schema">What the layout declares.</param>
/// <param name="Index">Its index within the layout.</param>
/// <param name="Blocks">The number of blocks that the plan is for.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvGroupPlan(KvGroupSchema Schema, int Index, long Blocks)
{
    /// <summary>The model's indices of the layers that this rank holds.</summary>
    public KvList<int> Layers { get; init; } = KvList<int>.Empty;

    /// <summary>The separate pieces of memory; base addresses are given in this order.</summary>
    public KvList<KvTensorPlan> Tensors { get; init; } = KvList<KvTensorPlan>.Empty;

    /// <summary>The components, in declaration order.</summary>
    public KvList<KvComponentPlan> Components { get; init; } = KvList<KvComponentPlan>.Empty;

    /// <summary>The pieces of a block that are transferred, ordered by tensor and offset.</summary>
    public KvList<KvRegion> Regions { get; init; } = KvList<KvRegion>.Empty;

    /// <summary>The number of contiguous pieces that one block occupies.</summary>
    public int PiecesPerBlock => Regions.Count;

    /// <summary>The bytes of one block that are transferred, all layers of this rank.</summary>
    public long BytesPerBlock { get; init; }

    /// <summary>The bytes of one block with padding and with components that are not transferred, all layers of this rank.</summary>
    public long PageBytesPerBlock { get; init; }

    /// <summary>The transferred bytes of one token, all layers of this rank, rounded up; 0 where there is no token dimension.</summary>
    public long BytesPerToken => Schema.BlockTokens == 0 ? 0 : (BytesPerBlock + Schema.BlockTokens - 1) / Schema.BlockTokens;

    /// <summary>The bytes of all tensors.</summary>
    public long TotalBytes { get; init; }
}
