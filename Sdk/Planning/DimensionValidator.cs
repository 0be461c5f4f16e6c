using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Checks that a group's orders and its numbers fit together.</summary>
internal static class DimensionValidator
{
    public static void Check(KvGroupSchema group, int index, GroupOrders orders, List<LayoutProblem> problems)
    {
        void Bad(LayoutProblemKind kind, string message) => problems.Add(new LayoutProblem(kind, index, -1, message));

        foreach (var dim in orders.Tensors)
        {
            if (dim.Kind is not (DimKind.Layer or DimKind.Component or DimKind.Head))
                Bad(LayoutProblemKind.Order, Invariant($"{dim} cannot stand left of the bar: only L, P and H can be separate tensors"));
        }
        if (!orders.IsShared(DimKind.Block) && !orders.IsTensor(DimKind.Block) && !orders.IsTensor(DimKind.Slot))
            Bad(LayoutProblemKind.Order, "right of the bar there is neither B (blocks) nor T (token slots)");
        foreach (var dim in orders.Shared)
        {
            if (dim.Kind == DimKind.Content)
                Bad(LayoutProblemKind.Order, "D stands before B or P; the content of a component must follow both");
        }
        if (orders.Slots && group.PageAlign > 1)
            Bad(LayoutProblemKind.Order, "PageAlign pads pages, but T says that token slots follow each other without pages; use B and N");

        CheckComponentDim(group, orders, Bad);
        CheckLayers(group, orders, Bad);
        CheckOptional(group, orders, DimKind.Head, "KvHeads", group.KvHeads, "H", Bad);
        CheckOptional(group, orders, DimKind.Token, "BlockTokens", group.BlockTokens, "N or T", Bad);
        var groupOrderChecked = false;
        for (var c = 0; c < group.Components.Count; c++)
        {
            var own = group.Components[c].Order is not null;
            if (own || !groupOrderChecked)
                CheckTerms(group, index, orders, c, own, problems);
            groupOrderChecked |= !own;
        }
        CheckSharedHeads(group, index, orders, problems);
    }

    private static void CheckComponentDim(KvGroupSchema group, GroupOrders orders, System.Action<LayoutProblemKind, string> bad)
    {
        var has = orders.IsTensor(DimKind.Component) || orders.IsShared(DimKind.Component);
        if (!has && group.Components.Count > 1)
        {
            bad(LayoutProblemKind.Dimension, Invariant(
                $"group {group.Name} has {group.Components.Count} components but its order has no P; put P where they alternate"));
        }
        if (has && group.Components.Count == 1)
        {
            bad(LayoutProblemKind.SingleComponent, Invariant(
                $"the order has P but group {group.Name} has one component, {group.Components[0].Name}; is one missing?"));
        }
    }

    private static void CheckLayers(KvGroupSchema group, GroupOrders orders, System.Action<LayoutProblemKind, string> bad)
    {
        for (var c = 0; c < group.Components.Count; c++)
        {
            if (group.Layers == 1 || orders.Has(c, DimKind.Layer))
                continue;
            bad(LayoutProblemKind.Dimension, Invariant($"Layers is {group.Layers} but the order of component {group.Components[c].Name} has no L"));
            return;
        }
    }

    // H and N: the number and the letter go together, though a component's own order may leave the letter out.
    private static void CheckOptional(
        KvGroupSchema group, GroupOrders orders, DimKind kind, string number, int value, string letters, System.Action<LayoutProblemKind, string> bad)
    {
        var any = false;
        for (var c = 0; c < group.Components.Count; c++)
            any |= orders.Has(c, kind);
        if (value > 0 && !any)
            bad(LayoutProblemKind.Dimension, Invariant($"{number} is {value} but the order has no {letters}"));
        if (value == 0 && any)
            bad(LayoutProblemKind.Dimension, Invariant($"the order has {letters} but {number} is missing or 0"));
    }

    private static void CheckTerms(KvGroupSchema group, int index, GroupOrders orders, int c, bool own, List<LayoutProblem> problems)
    {
        void Bad(LayoutProblemKind kind, string message) =>
            problems.Add(own
                ? new LayoutProblem(kind, index, c, "component " + group.Components[c].Name + ": " + message)
                : new LayoutProblem(kind, index, -1, message));

        var terms = new List<OrderDim>(orders.Terms(c));
        var hasContent = false;
        for (var i = 0; i < terms.Count; i++)
        {
            var dim = terms[i];
            hasContent |= dim.Kind == DimKind.Content;
            if (dim.Part != DimPart.Whole && !terms.Exists(other => other.Kind == dim.Kind && other.Part != dim.Part && other.Tile == dim.Tile))
            {
                Bad(LayoutProblemKind.Order, Invariant($"the order has {dim} without its other half ") +
                    Invariant($"{OrderDim.Letters[(int)dim.Kind]}{(dim.Part == DimPart.Quotient ? '%' : '/')}{dim.Tile}"));
            }
            if (terms.FindIndex(other => other.Kind == dim.Kind && other.Part == dim.Part) != i)
                Bad(LayoutProblemKind.Order, Invariant($"its own order repeats {dim}, which stands before the innermost of B and P"));
        }
        if (!hasContent)
            Bad(LayoutProblemKind.Dimension, "the order has no D (content)");
    }

    // Where H is a tensor or a shared stride, all components step through it together and need the same number of heads.
    private static void CheckSharedHeads(KvGroupSchema group, int index, GroupOrders orders, List<LayoutProblem> problems)
    {
        if (!orders.IsTensor(DimKind.Head) && !orders.IsShared(DimKind.Head))
            return;
        var first = ShareMath.Rule(group.Components[0], hasHeads: true);
        for (var c = 1; c < group.Components.Count; c++)
        {
            var rule = ShareMath.Rule(group.Components[c], hasHeads: true);
            if (rule == KvShard.Head == (first == KvShard.Head))
                continue;
            problems.Add(new LayoutProblem(LayoutProblemKind.Sharding, index, c, "component " + group.Components[c].Name +
                ": it is not split like " + group.Components[0].Name + ", but H stands outside the innermost of B and P, where both share it"));
        }
    }
}
