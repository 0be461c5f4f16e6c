using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Works out the routes between the ranks of two sides that hold the same content in different places.</summary>
internal sealed class ReshardPlanner
{
    /// <summary>More ranks than this on one side are a mistake; it bounds what numbers from another machine can make us do.</summary>
    public const int MaxRanks = 1024;

    /// <summary>
    /// Blocks of a plan that is made without a pool. Two, because what stands outside blocks would continue from one to the next of its
    /// kind if there were only one block between, and the pieces would be fewer than any real pool's.
    /// </summary>
    public const int TrialBlocks = 2;

    private const long MaxPieces = 1 << 20;

    private readonly KvSchema _source;
    private readonly KvSchema _target;
    private readonly int _sourceTp;
    private readonly int _sourcePp;
    private readonly GroupOrders[] _sourceOrders;

    public ReshardPlanner(KvSchema source, int sourceTp, int sourcePp, KvSchema target)
    {
        _source = source;
        _target = target;
        _sourceTp = sourceTp;
        _sourcePp = sourcePp;
        if (sourceTp < 1 || sourcePp < 1 || (long)sourceTp * sourcePp > MaxRanks)
            throw new NotSupportedException(Invariant($"Tensor parallelism {sourceTp} times pipeline parallelism {sourcePp} is not a number of ranks from 1 to {MaxRanks}."));
        foreach (var difference in SchemaDiff.Compare(source, target))
        {
            if (difference.IsContent)
                throw new ArgumentException("The two layouts hold different content: " + difference + ".", nameof(target));
        }
        KvPlan.Create(source, new KvParallel(sourceTp, 0, sourcePp, 0), TrialBlocks); // says what is wrong with a layout that cannot be planned
        _sourceOrders = source.Groups.Select((group, i) => GroupOrders.Resolve(group, i, [])!).ToArray();
    }

    /// <summary>What each source rank gives one target rank, with the proof that together it is all of it. Ranks that give nothing are left out.</summary>
    /// <param name="target">The target rank's plan.</param>
    /// <param name="known">A source rank's plan for its real number of blocks; the others' matters for no piece of it.</param>
    public KvList<ReshardRoute> RoutesTo(KvPlan target, KvPlan? known = null)
    {
        var routes = new List<ReshardRoute>();
        var pieces = 0L;
        for (var pp = 0; pp < _sourcePp; pp++)
        {
            for (var tp = 0; tp < _sourceTp; tp++)
            {
                var rank = new KvParallel(_sourceTp, tp, _sourcePp, pp);
                if (!Gives(rank, target.Parallel))
                    continue;
                var route = Route(known is not null && known.Parallel == rank ? known : KvPlan.Create(_source, rank, TrialBlocks), target);
                foreach (var group in route.Groups)
                    pieces = checked(pieces + (long)group.Pieces.Count * Math.Max(group.Units.SourcePerBlock, group.Units.TargetPerBlock));
                if (pieces > MaxPieces)
                    throw new NotSupportedException(Invariant($"A block of a target rank is more than {MaxPieces} pieces; use orders or block sizes that are closer to each other."));
                if (!route.IsEmpty)
                    routes.Add(route);
            }
        }
        for (var group = 0; group < target.Groups.Count; group++)
        {
            if (Coverage.Find(target.Groups[group], routes.Select(route => route.Groups[group])) is { } gap)
            {
                // No input is known that leads here; but a plan that is wrong must never move a byte.
                throw new InvalidOperationException(Invariant(
                    $"Group {target.Groups[group].Schema.Name}: the plan from tensor parallelism {_sourceTp} to rank {target.Parallel.TpRank} of {target.Parallel.Tp} is not exact ({gap}). Nothing is moved; please report both layouts."));
            }
        }
        return new KvList<ReshardRoute>(routes.ToArray());
    }

    /// <summary>What one source rank gives one target rank, proved together with what the others give. May be empty.</summary>
    public ReshardRoute RouteTo(KvPlan target, KvPlan source)
    {
        foreach (var route in RoutesTo(target, source))
        {
            if (route.Source == source.Parallel)
                return route;
        }
        return Route(source, target);
    }

    // A rank's plan costs as much as all its tensors and pieces. Of ranks that hold the same, only the one that gives is planned.
    private bool Gives(KvParallel rank, KvParallel target)
    {
        for (var g = 0; g < _sourceOrders.Length; g++)
        {
            var group = _source.Groups[g];
            for (var c = 0; c < group.Components.Count; c++)
            {
                var share = ShareMath.Share(group, group.Components[c], _sourceOrders[g].Has(c, DimKind.Head), rank.Tp, rank.TpRank, out _)!;
                if (SourceChoice.Gives(rank, share, target))
                    return true;
            }
        }
        return false;
    }

    private static ReshardRoute Route(KvPlan source, KvPlan target)
    {
        var groups = new ReshardGroup[target.Groups.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            var to = target.Groups[i];
            var from = source.Groups[source.Schema.IndexOfGroup(to.Schema.Name)];
            var units = BlockUnits.Of(from.Schema, to.Schema);
            var pieces = from.Layers.Count == 0 || to.Layers.Count == 0
                ? KvList<ReshardPiece>.Empty
                : GroupMapper.Map(from, to, units, (given, _) => SourceChoice.Gives(source.Parallel, given.Share, target.Parallel));
            groups[i] = new ReshardGroup(to.Schema.Name, from, to, units, pieces);
        }
        return new ReshardRoute(source.Parallel, target.Parallel, new KvList<ReshardGroup>(groups));
    }
}
