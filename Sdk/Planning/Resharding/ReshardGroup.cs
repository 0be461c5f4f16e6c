namespace Nixl.Sdk.Planning;

/// <summary>What one source rank gives one target rank of one group. Immutable.</summary>
/// <param name="Name">The group's name, the same on both sides.</param>
/// <param name="Source">The source rank's plan of the group.</param>
/// <param name="Target">The target rank's plan of the group.</param>
/// <param name="Units">How blocks of the two sides are paired.</param>
/// <param name="Pieces">The runs of one unit, ordered by target tensor and offset; empty if nothing is given.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record ReshardGroup(string Name, KvGroupPlan Source, KvGroupPlan Target, BlockUnits Units, KvList<ReshardPiece> Pieces)
{
    /// <summary>The bytes of one unit.</summary>
    public long BytesPerUnit
    {
        get
        {
            var bytes = 0L;
            foreach (var piece in Pieces)
                bytes = checked(bytes + piece.Length);
            return bytes;
        }
    }

    /// <summary>The runs of one target block.</summary>
    public long PiecesPerTargetBlock => checked((long)Pieces.Count * Units.TargetPerBlock);

    /// <summary>The bytes of one target block that come over this route.</summary>
    public long BytesPerTargetBlock => checked(BytesPerUnit * Units.TargetPerBlock);
}
