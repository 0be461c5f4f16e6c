namespace Nixl.Sdk.Planning;

/// <summary>Plans all groups of a layout for one rank.</summary>
internal static class KvPlanner
{
    public static KvPlan Plan(KvSchema schema, KvParallel parallel, KvList<long> blocks)
    {
        var problems = LayoutValidator.Check(schema);
        ThrowOnErrors(schema, problems);
        var found = new List<LayoutProblem>();
        var groups = PlanGroups(schema, parallel, blocks, found);
        ThrowOnErrors(schema, new KvList<LayoutProblem>(found.ToArray()));
        return new KvPlan(schema, parallel, new KvList<KvGroupPlan>(groups!));
    }

    /// <summary>Plans all groups of a valid layout, or adds to <paramref name="problems"/> and returns null.</summary>
    public static KvGroupPlan[]? PlanGroups(KvSchema schema, KvParallel parallel, KvList<long> blocks, List<LayoutProblem> problems)
    {
        var groups = new KvGroupPlan[schema.Groups.Count];
        var modelLayers = ModelLayers(schema);
        for (var i = 0; i < groups.Length; i++)
        {
            // Memory of a group's own needs no more than this; what is shared is placed when the sizes of all its pages are known.
            var own = SharedPages.IsShared(schema.Groups[i]) ? 1 : blocks[i];
            if (PlanGroup(schema.Groups[i], i, parallel, modelLayers, own, default, problems) is not { } plan)
                return null;
            groups[i] = plan;
        }
        var pages = SharedPages.Place(groups);
        for (var i = 0; i < groups.Length; i++)
        {
            if (SharedPages.IsShared(schema.Groups[i]))
                groups[i] = PlanGroup(schema.Groups[i], i, parallel, modelLayers, blocks[i], pages[i], problems)!;
        }
        return groups;
    }

    /// <summary>Plans one group, or adds to <paramref name="problems"/> and returns null.</summary>
    public static KvGroupPlan? PlanGroup(
        KvGroupSchema group, int index, KvParallel parallel, int modelLayers, long blocks, PagePlacement page, List<LayoutProblem> problems)
    {
        var orders = GroupOrders.Resolve(group, index, problems);
        if (orders is null)
            return null;
        var shares = new ComponentShare[group.Components.Count];
        for (var c = 0; c < shares.Length; c++)
        {
            var share = ShareMath.Share(group, group.Components[c], orders.Has(c, DimKind.Head), parallel.Tp, parallel.TpRank, out var error);
            if (share is null)
            {
                problems.Add(new LayoutProblem(LayoutProblemKind.Sharding, index, c, error!));
                return null;
            }
            shares[c] = share;
            if (!TileFits(group, c, orders, share, index, problems))
                return null;
        }
        return GroupPlanner.Plan(group, index, orders, shares, LayersOf(group, modelLayers, parallel), blocks, page);
    }

    /// <summary>The number of layers of the whole model: one more than the greatest index.</summary>
    public static int ModelLayers(KvSchema schema)
    {
        var count = 0;
        foreach (var group in schema.Groups)
        {
            foreach (var layer in group.LayerNumbers())
                count = System.Math.Max(count, checked(layer + 1));
        }
        return count;
    }

    private static KvList<int> LayersOf(KvGroupSchema group, int modelLayers, KvParallel parallel)
    {
        var layers = new List<int>();
        foreach (var layer in group.LayerNumbers())
        {
            if (ShareMath.HoldsLayer(layer, modelLayers, parallel))
                layers.Add(layer);
        }
        return new KvList<int>(layers.ToArray());
    }

    private static bool TileFits(
        KvGroupSchema group, int c, GroupOrders orders, ComponentShare share, int index, List<LayoutProblem> problems)
    {
        foreach (var dim in orders.Terms(c))
        {
            if (dim.Part == DimPart.Whole)
                continue;
            var size = dim.Kind == DimKind.Content ? share.Elements : group.EntriesPerBlock;
            if (size % dim.Tile == 0)
                continue;
            problems.Add(new LayoutProblem(LayoutProblemKind.Size, index, c, FormattableString.Invariant(
                $"component {group.Components[c].Name}: the tile of {dim} does not divide {size}")));
            return false;
        }
        return true;
    }

    private static void ThrowOnErrors(KvSchema schema, KvList<LayoutProblem> problems)
    {
        foreach (var problem in problems)
        {
            if (!problem.IsWarning)
                throw new LayoutException(schema.Name, problems);
        }
    }
}
