namespace Nixl.Sdk.Serving;

/// <summary>Something that did not come: the same bytes of neighbouring blocks of one layer.</summary>
/// <param name="Source">The rank that had to give it.</param>
/// <param name="Layer">The model's index of the layer; -1 where the rank's bytes cannot be told apart by layer.</param>
/// <param name="Block">The first block's position in the lease.</param>
/// <param name="Blocks">Blocks.</param>
/// <param name="Offset">The first missing byte, of the rank's share of one layer of a block.</param>
/// <param name="Length">Missing bytes from there; further ones of the same block may be missing too.</param>
public readonly record struct ArrivalGap(KvParallel Source, int Layer, int Block, int Blocks, long Offset, long Length)
{
    /// <summary>As messages show it.</summary>
    public override string ToString() =>
        $"TP rank {Source.TpRank} of {Source.Tp}, PP rank {Source.PpRank} of {Source.Pp}, " +
        (Layer < 0 ? "all layers" : $"layer {Layer}") + (Blocks == 1 ? $", block {Block}" : $", blocks {Block} … {Block + Blocks - 1}") +
        $", bytes {Offset} … {Offset + Length - 1}";
}
