using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Finds what is wrong with a layout. The generator turns the problems into diagnostics, the planner into an exception.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class LayoutValidator
{
    private const int MaxSize = ComponentValidator.MaxSize;

    /// <summary>The problems of a layout, in declaration order; empty if it can be planned.</summary>
    public static KvList<LayoutProblem> Check(KvSchema schema)
    {
        if (schema is null)
            throw new ArgumentNullException(nameof(schema));
        var problems = new List<LayoutProblem>();
        if (schema.Groups.Count == 0)
            problems.Add(new LayoutProblem(LayoutProblemKind.Empty, -1, -1, "the layout has no groups"));
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < schema.Groups.Count; i++)
        {
            if (!names.Add(schema.Groups[i].Name))
                problems.Add(new LayoutProblem(LayoutProblemKind.Duplicate, i, -1, "there are two groups named " + schema.Groups[i].Name));
            var found = new List<LayoutProblem>();
            CheckGroup(schema, i, found);
            problems.AddRange(found);
        }
        if (!problems.Exists(problem => !problem.IsWarning))
            TryTogether(schema, problems);
        return new KvList<LayoutProblem>(problems.ToArray());
    }

    private static void CheckGroup(KvSchema schema, int index, List<LayoutProblem> problems)
    {
        var group = schema.Groups[index];
        CheckNumbers(group, index, problems);
        var orders = GroupOrders.Resolve(group, index, problems);
        for (var c = 0; c < group.Components.Count; c++)
            ComponentValidator.Check(group, index, c, orders, problems);
        if (orders is not null && group.Components.Count > 0)
        {
            DimensionValidator.Check(group, index, orders, problems);
            SharedPages.Check(schema, index, orders, problems);
        }
        if (problems.Exists(problem => !problem.IsWarning))
            return;

        // A trial with one block: what it cannot do, no plan can. Its sizes also prove that the constants fit.
        try
        {
            var plan = KvPlanner.PlanGroup(group, index, KvParallel.Single, KvPlanner.ModelLayers(schema), 1, default, problems);
            if (plan is not null)
                ComponentPlaces.Check(plan, orders!, problems);
            foreach (var tp in schema.TpSizes)
                TryShares(group, index, orders!, tp, problems);
        }
        catch (OverflowException overflow)
        {
            problems.Add(new LayoutProblem(LayoutProblemKind.Overflow, index, -1, "group " + group.Name + " is too large: " + overflow.Message));
        }
    }

    // Each group has been tried alone; what they share may still be too large.
    private static void TryTogether(KvSchema schema, List<LayoutProblem> problems)
    {
        if (!schema.Groups.Any(SharedPages.IsShared))
            return;
        try
        {
            KvPlanner.PlanGroups(schema, KvParallel.Single, new KvList<long>(schema.Groups.Select(_ => 1L).ToArray()), problems);
        }
        catch (OverflowException overflow)
        {
            problems.Add(new LayoutProblem(LayoutProblemKind.Overflow, -1, -1, "the shared pages are too large: " + overflow.Message));
        }
    }

    private static void CheckNumbers(KvGroupSchema group, int index, List<LayoutProblem> problems)
    {
        void Bad(string message) => problems.Add(new LayoutProblem(LayoutProblemKind.Size, index, -1, message));
        void Range(string name, int value, int least)
        {
            if (value < least || value > MaxSize)
                Bad(Invariant($"{name} is {value}; it must lie in {least} … {MaxSize}"));
        }

        if (!ComponentValidator.IsName(group.Name) || (group.Pool.Length > 0 && !ComponentValidator.IsName(group.Pool)))
            Bad("the names of a group and of its pool are made of up to 128 letters, digits, '_', '-' and '.'");
        if (group.Components.Count == 0)
            problems.Add(new LayoutProblem(LayoutProblemKind.Empty, index, -1, "group " + group.Name + " has no components"));
        Range(nameof(group.Layers), group.Layers, 1);
        Range(nameof(group.FirstLayer), group.FirstLayer, 0);
        Range(nameof(group.LayerStep), group.LayerStep, 1);
        Range(nameof(group.BlockTokens), group.BlockTokens, 0);
        Range(nameof(group.Window), group.Window, 0);
        Range(nameof(group.KvHeads), group.KvHeads, 0);
        Range(nameof(group.TokensPerEntry), group.TokensPerEntry, 1);
        if (group.PageAlign < 0 || (group.PageAlign & (group.PageAlign - 1)) != 0)
            Bad(Invariant($"PageAlign is {group.PageAlign}; it must be a power of two, or 0 for none"));
        if (group.TokensPerEntry > 1 && group.BlockTokens % group.TokensPerEntry != 0)
            Bad(Invariant($"BlockTokens {group.BlockTokens} is not a multiple of TokensPerEntry {group.TokensPerEntry}"));
        if ((long)group.FirstLayer + (long)group.Layers * group.LayerStep > MaxSize)
            Bad("the layer indices are too large");
        CheckLayerIndices(group, Bad);
        if (group.Share is < KvShare.Own or > KvShare.Concat)
            Bad(Invariant($"{(int)group.Share} is not a way to share memory"));
    }

    private static void CheckLayerIndices(KvGroupSchema group, Action<string> bad)
    {
        if (group.LayerIndices.Count == 0)
            return;
        if (group.LayerIndices.Count != group.Layers)
            bad(Invariant($"Layers is {group.Layers} but LayerIndices names {group.LayerIndices.Count}"));
        var seen = new HashSet<int>();
        foreach (var layer in group.LayerIndices)
        {
            if (layer < 0 || layer > MaxSize || !seen.Add(layer))
                bad(Invariant($"LayerIndices contains {layer}, which is negative, too large or there twice"));
        }
    }

    private static void TryShares(KvGroupSchema group, int index, GroupOrders orders, int tp, List<LayoutProblem> problems)
    {
        if (tp < 1)
        {
            problems.Add(new LayoutProblem(LayoutProblemKind.Size, index, -1, Invariant($"TpSizes contains {tp}; sizes are at least 1")));
            return;
        }
        for (var c = 0; c < group.Components.Count; c++)
        {
            if (ShareMath.Share(group, group.Components[c], orders.Has(c, DimKind.Head), tp, 0, out var error) is null)
                problems.Add(new LayoutProblem(LayoutProblemKind.Sharding, index, c, error!) { Suggestion = tp });
        }
    }
}
