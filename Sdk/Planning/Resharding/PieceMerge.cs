namespace Nixl.Sdk.Planning;

/// <summary>Joins pieces that continue each other on both sides.</summary>
internal static class PieceMerge
{
    /// <summary>Orders by target tensor and offset and joins neighbours. Takes the list apart.</summary>
    /// <exception cref="NotSupportedException">More pieces remain than a block can be made of.</exception>
    public static KvList<ReshardPiece> Merge(List<ReshardPiece> pieces)
    {
        pieces.Sort(static (a, b) => a.TargetTensor != b.TargetTensor ? a.TargetTensor.CompareTo(b.TargetTensor) : a.TargetOffset.CompareTo(b.TargetOffset));
        var merged = new List<ReshardPiece>();
        foreach (var piece in pieces)
        {
            var last = merged.Count - 1;
            if (last >= 0 && Continues(merged[last], piece))
                merged[last] = merged[last] with { Length = checked(merged[last].Length + piece.Length), Layer = merged[last].Layer == piece.Layer ? piece.Layer : -1 };
            else
                merged.Add(piece);
        }
        if (merged.Count > PieceRuns.MaxPieces)
        {
            throw new NotSupportedException(FormattableString.Invariant(
                $"The two placements have {merged.Count} separate runs per block in common; at most {PieceRuns.MaxPieces} can be moved. Use orders that are closer to each other."));
        }
        return new KvList<ReshardPiece>(merged.ToArray());
    }

    // Equal strides keep what is adjacent in one block adjacent in every other.
    private static bool Continues(in ReshardPiece before, in ReshardPiece next) =>
        before.SourceTensor == next.SourceTensor && before.SourceOffset + before.Length == next.SourceOffset &&
        before.TargetTensor == next.TargetTensor && before.TargetOffset + before.Length == next.TargetOffset &&
        before.SourceStride == next.SourceStride && before.SourceUnitStride == next.SourceUnitStride &&
        before.TargetStride == next.TargetStride && before.TargetUnitStride == next.TargetUnitStride;
}
