namespace Nixl.Sdk.Planning;

/// <summary>Where one component lies on this rank.</summary>
/// <param name="Schema">What the layout declares.</param>
/// <param name="Index">Its index within the group.</param>
/// <param name="Share">The part that this rank holds.</param>
/// <param name="Offset">Bytes from the tensor's base to the component (of block 0, layer 0, …).</param>
/// <param name="OffsetPerBlockCount">True if the offset grows with the number of blocks (P stands outside B).</param>
/// <param name="Dims">Its dimensions, outermost first.</param>
/// <param name="BytesPerBlock">The bytes of one block, all layers of this rank, without padding.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvComponentPlan(
    KvComponentSchema Schema, int Index, ComponentShare Share, long Offset, bool OffsetPerBlockCount, KvList<KvDimPlan> Dims, long BytesPerBlock)
{
    /// <summary>Bytes of one element.</summary>
    public int ElementBytes => LayoutMath.ElementBytes(Schema.Type);

    /// <summary>Bytes between neighbours of a dimension that the component has whole as a stride; else 0.</summary>
    public long StrideOf(DimKind kind)
    {
        foreach (var dim in Dims)
        {
            if (dim.Dim.Kind == kind && dim.Dim.Part == DimPart.Whole && !dim.IsTensor)
                return dim.Stride;
        }
        return 0;
    }

    /// <summary>Where an element lies. All indices are of this rank's share; pass 0 for a dimension that the component lacks.</summary>
    /// <param name="layer">The layer's ordinal on this rank.</param>
    /// <param name="block">The block.</param>
    /// <param name="head">The head within the rank's share.</param>
    /// <param name="entry">The token (or compressed entry) within the block.</param>
    /// <param name="element">The content element within the rank's share.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is outside its dimension.</exception>
    public KvLocation Locate(int layer, long block, int head, int entry, long element)
    {
        var tensor = 0L;
        var offset = Offset;
        foreach (var dim in Dims)
        {
            var index = dim.Dim.Kind switch
            {
                DimKind.Layer => layer,
                DimKind.Block => block,
                DimKind.Head => head,
                DimKind.Token => entry,
                DimKind.Content => element,
                _ => Index,
            };
            index = dim.Dim.Part switch
            {
                DimPart.Quotient => index / dim.Dim.Tile,
                DimPart.Remainder => index % dim.Dim.Tile,
                _ => index,
            };
            if (index < 0 || index >= dim.Size)
                throw new ArgumentOutOfRangeException(dim.Dim.Kind.ToString(), index, "Component " + Schema.Name + " has fewer.");
            if (dim.IsTensor)
                tensor = tensor * dim.Size + index;
            else
                offset = checked(offset + index * dim.Stride);
        }
        return new KvLocation((int)tensor, offset);
    }
}
