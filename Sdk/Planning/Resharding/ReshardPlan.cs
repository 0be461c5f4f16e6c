namespace Nixl.Sdk.Planning;

/// <summary>
/// How the KV cache of one side, sharded and laid out its way, becomes that of another: for each target rank the source ranks and
/// the pieces. Every byte of a target block comes from exactly one source rank; that is proved by interval arithmetic when the plan is
/// made. Immutable, thread-safe.
/// </summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed class ReshardPlan
{
    private readonly int _sourceTp, _sourcePp, _targetTp, _targetPp;

    private ReshardPlan(int sourceTp, int sourcePp, int targetTp, int targetPp, KvList<ReshardRoute> routes)
    {
        (_sourceTp, _sourcePp, _targetTp, _targetPp) = (sourceTp, sourcePp, targetTp, targetPp);
        Routes = routes;
    }

    /// <summary>One for each pair of ranks between which bytes go, ordered by target rank.</summary>
    public KvList<ReshardRoute> Routes { get; }

    /// <summary>
    /// Plans all pairs of ranks. Pools of any size have these pieces; where a layout has other dimensions outside blocks, offsets grow
    /// with the number of blocks, and those of this plan are for two.
    /// </summary>
    /// <param name="source">The source side's layout.</param>
    /// <param name="sourceTp">Its tensor-parallel size.</param>
    /// <param name="target">The target side's layout.</param>
    /// <param name="targetTp">Its tensor-parallel size.</param>
    /// <param name="sourcePp">The source's pipeline-parallel size.</param>
    /// <param name="targetPp">The target's.</param>
    /// <exception cref="ArgumentException">The content of the two layouts differs; the message names the field.</exception>
    /// <exception cref="LayoutException">A layout cannot be planned for its size.</exception>
    /// <exception cref="NotSupportedException">The placements cannot be mapped; the message says which component and why.</exception>
    public static ReshardPlan Create(KvSchema source, int sourceTp, KvSchema target, int targetTp, int sourcePp = 1, int targetPp = 1)
    {
        if (source is null)
            throw new ArgumentNullException(nameof(source));
        if (target is null)
            throw new ArgumentNullException(nameof(target));
        if (targetTp < 1 || targetPp < 1 || (long)targetTp * targetPp > ReshardPlanner.MaxRanks)
            throw new ArgumentOutOfRangeException(nameof(targetTp), targetTp, "Sizes are at least 1, and their product is at most 1024.");
        var planner = new ReshardPlanner(source, sourceTp, sourcePp, target);
        var routes = new List<ReshardRoute>();
        for (var pp = 0; pp < targetPp; pp++)
        {
            for (var tp = 0; tp < targetTp; tp++)
            {
                var rank = KvPlan.Create(target, new KvParallel(targetTp, tp, targetPp, pp), ReshardPlanner.TrialBlocks);
                routes.AddRange(planner.RoutesTo(rank));
            }
        }
        return new ReshardPlan(sourceTp, sourcePp, targetTp, targetPp, new KvList<ReshardRoute>(routes.ToArray()));
    }

    /// <summary>The routes to one target rank: the source ranks that it needs, and what comes from each.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The target side has no such rank.</exception>
    public KvList<ReshardRoute> To(int tpRank, int ppRank = 0)
    {
        CheckRank(tpRank, _targetTp, nameof(tpRank));
        CheckRank(ppRank, _targetPp, nameof(ppRank));
        var routes = new List<ReshardRoute>();
        foreach (var route in Routes)
        {
            if (route.Target.TpRank == tpRank && route.Target.PpRank == ppRank)
                routes.Add(route);
        }
        return new KvList<ReshardRoute>(routes.ToArray());
    }

    /// <summary>
    /// The target ranks that must have told a source rank that they are done before its blocks may be reused. Never empty: a rank
    /// that gives nothing, because others hold the same, is told by its counterpart.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The source side has no such rank.</exception>
    public KvList<KvParallel> ReleasedBy(int tpRank, int ppRank = 0)
    {
        CheckRank(tpRank, _sourceTp, nameof(tpRank));
        CheckRank(ppRank, _sourcePp, nameof(ppRank));
        var targets = new List<KvParallel>();
        foreach (var route in Routes)
        {
            if (route.Source.TpRank == tpRank && route.Source.PpRank == ppRank)
                targets.Add(route.Target);
        }
        if (targets.Count == 0)
            targets.Add(SourceChoice.Releaser(new KvParallel(_sourceTp, tpRank, _sourcePp, ppRank), _targetTp, _targetPp));
        return new KvList<KvParallel>(targets.ToArray());
    }

    private static void CheckRank(int rank, int ranks, string name)
    {
        if (rank < 0 || rank >= ranks)
            throw new ArgumentOutOfRangeException(name, rank, FormattableString.Invariant($"The side has the ranks 0 … {ranks - 1}."));
    }
}
