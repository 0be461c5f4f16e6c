using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Who has to give what of every block of one group: an explicit set of source ranks, proved to fill each block exactly. Made once per
/// combination of placements and used for all leases.
/// </summary>
/// <remarks>Immutable, thread-safe.</remarks>
public sealed class ArrivalPlan
{
    private ArrivalPlan(KvGroupPlan target, ArrivalPart[] parts)
    {
        Group = target.Schema.Name;
        Layers = target.Layers;
        Parts = new KvList<ArrivalPart>(parts);
    }

    /// <summary>The group's name.</summary>
    public string Group { get; }

    /// <summary>The model's indices of the layers that this rank holds.</summary>
    public KvList<int> Layers { get; }

    /// <summary>One for each source rank that gives something; a grant names its part by its index here.</summary>
    public KvList<ArrivalPart> Parts { get; }

    /// <summary>Bytes of one block that are transferred, from all sources together.</summary>
    public long BytesPerBlock => Parts.Sum(static part => part.BytesPerBlock);

    /// <summary>The plan for a source with the same placement as this rank: it gives everything.</summary>
    /// <param name="pool">The pool that receives.</param>
    /// <param name="group">The group's index in the layout.</param>
    public static ArrivalPlan SamePlacement(KvPool pool, int group = 0)
    {
        ArgumentNullException.ThrowIfNull(pool);
        return SamePlacement(pool.Groups[group].Plan, pool.Groups[group].PhysicalBlocksPerBlock, pool.Parallel);
    }

    /// <summary>The plan for sources with other placements (tensor or pipeline parallelism, order, block size).</summary>
    /// <param name="pool">The pool that receives.</param>
    /// <param name="routes">What each source rank gives: <see cref="RemoteKvPool.Route"/> of each, for <see cref="TransferOperation.Read"/>.</param>
    /// <param name="group">The group's index in the layout.</param>
    /// <exception cref="ArgumentException">A rank comes twice, a route goes elsewhere, or together they do not fill a block exactly; the
    /// message names the bytes.</exception>
    public static ArrivalPlan Create(KvPool pool, IReadOnlyList<ReshardRoute> routes, int group = 0)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(routes);
        return Create(pool.Groups[group].Plan, pool.Groups[group].PhysicalBlocksPerBlock, pool.Parallel, routes);
    }

    internal static ArrivalPlan SamePlacement(KvGroupPlan target, int ratio, KvParallel rank) =>
        new(target, ArrivalPart.OfWholeBlocks(rank, target, ratio) is { } part ? [part] : []);

    internal static ArrivalPlan Create(KvGroupPlan target, int ratio, KvParallel rank, IReadOnlyList<ReshardRoute> routes)
    {
        var parts = new List<ArrivalPart>();
        var groups = new List<ReshardGroup>();
        var sources = new HashSet<KvParallel>();
        foreach (var route in routes)
        {
            if (route.Target != rank)
                throw new ArgumentException($"A route goes to {route.Target}, not to this rank ({rank}).", nameof(routes));
            if (!sources.Add(route.Source))
                throw new ArgumentException($"Source {route.Source} comes twice: what it gives would count twice.", nameof(routes));
            var given = route.Groups[target.Index];
            if (ArrivalPart.OfRoute(route.Source, given, ratio) is not { } part)
                continue;
            groups.Add(given);
            parts.Add(part);
        }
        if (Coverage.Find(target, groups) is { } gap)
            throw new ArgumentException($"Group {target.Schema.Name}: the routes do not fill a block exactly: {gap}. Give the routes of every source rank.", nameof(routes));
        return new ArrivalPlan(target, [.. parts]);
    }
}
