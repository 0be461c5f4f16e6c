namespace Nixl.Sdk.Planning;

/// <summary>
/// Which of the source ranks that hold the same bytes gives them to a target rank. Every rank works out the same answer from the
/// two sizes alone, so that nobody has to ask, and the targets spread over the holders.
/// </summary>
internal static class SourceChoice
{
    /// <summary>True if this source rank, and no other holder of the same share, gives it to the target rank.</summary>
    public static bool Gives(KvParallel source, ComponentShare share, KvParallel target)
    {
        // Holders of one share are neighbours. The one that stands where the target stands among the targets gives.
        var first = source.TpRank / share.Replicas * share.Replicas;
        var last = first + share.Replicas - 1;
        return source.TpRank == Math.Min(Math.Max(Counterpart(target.TpRank, target.Tp, source.Tp), first), last);
    }

    /// <summary>The target rank that tells this source rank that its blocks may be reused, where none takes bytes from it.</summary>
    public static KvParallel Releaser(KvParallel source, int targetTp, int targetPp) => new(
        targetTp, Counterpart(source.TpRank, source.Tp, targetTp), targetPp, Counterpart(source.PpRank, source.Pp, targetPp));

    private static int Counterpart(int rank, int ranks, int others) => (int)((long)rank * others / ranks);
}
