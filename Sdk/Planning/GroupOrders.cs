namespace Nixl.Sdk.Planning;

/// <summary>
/// A group's order worked out for each component: the tensors, the strides that all components share (up to and including the
/// innermost of B and P), and each component's own tail behind them. T is expanded to B N here and nowhere else.
/// </summary>
internal sealed class GroupOrders
{
    private GroupOrders(OrderDim[] tensors, OrderDim[] shared, OrderDim[][] tails, bool slots)
    {
        Tensors = tensors;
        Shared = shared;
        Tails = tails;
        Slots = slots;
    }

    public OrderDim[] Tensors { get; }

    public OrderDim[] Shared { get; }

    public OrderDim[][] Tails { get; }

    /// <summary>True if the order says T: blocks are runs of consecutive token slots.</summary>
    public bool Slots { get; }

    /// <summary>Returns null after adding to <paramref name="problems"/> if an order cannot be read.</summary>
    public static GroupOrders? Resolve(KvGroupSchema group, int groupIndex, List<LayoutProblem> problems)
    {
        var order = LayoutOrder.Parse(group.Order, out var error);
        if (order is null)
        {
            problems.Add(new LayoutProblem(LayoutProblemKind.Order, groupIndex, -1, error!));
            return null;
        }
        var strides = new List<OrderDim>();
        var shared = 0;
        var slots = false;
        foreach (var dim in order.Strides)
        {
            if (dim.Kind == DimKind.Slot)
            {
                slots = true;
                strides.Add(new OrderDim(DimKind.Block, DimPart.Whole, 0));
                strides.Add(new OrderDim(DimKind.Token, DimPart.Whole, 0));
            }
            else
            {
                strides.Add(dim);
            }
            if (dim.Kind is DimKind.Block or DimKind.Slot or DimKind.Component)
                shared = strides.Count;
        }
        var groupTail = strides.GetRange(shared, strides.Count - shared).ToArray();
        var tails = new OrderDim[group.Components.Count][];
        for (var i = 0; i < tails.Length; i++)
        {
            var own = group.Components[i].Order;
            if (own is null)
            {
                tails[i] = groupTail;
                continue;
            }
            var tail = LayoutOrder.ParseTail(own, out error);
            if (tail is null)
            {
                problems.Add(new LayoutProblem(LayoutProblemKind.Order, groupIndex, i, "component " + group.Components[i].Name + ": " + error));
                return null;
            }
            tails[i] = System.Linq.Enumerable.ToArray(tail);
        }
        return new GroupOrders([.. order.Tensors], [.. strides.GetRange(0, shared)], tails, slots);
    }

    /// <summary>All terms of a component's order, tensors first, outermost first.</summary>
    public IEnumerable<OrderDim> Terms(int component)
    {
        foreach (var dim in Tensors)
            yield return dim;
        foreach (var dim in Shared)
            yield return dim;
        foreach (var dim in Tails[component])
            yield return dim;
    }

    public bool Has(int component, DimKind kind)
    {
        foreach (var dim in Terms(component))
        {
            if (dim.Kind == kind)
                return true;
        }
        return false;
    }

    public bool IsTensor(DimKind kind) => System.Array.Exists(Tensors, dim => dim.Kind == kind);

    public bool IsShared(DimKind kind) => System.Array.Exists(Shared, dim => dim.Kind == kind);
}
