using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Compares where components lie with where their declarations say that they begin (<see cref="KvComponentSchema.At"/>).</summary>
internal static class ComponentPlaces
{
    public static void Check(KvGroupPlan plan, GroupOrders orders, List<LayoutProblem> problems)
    {
        var components = plan.Components;
        var together = orders.IsShared(DimKind.Component) && !components[0].OffsetPerBlockCount;
        var end = 0L;
        for (var c = 0; c < components.Count; c++)
        {
            var declared = components[c].Schema.At;
            if (declared < -1)
            {
                problems.Add(new LayoutProblem(LayoutProblemKind.Size, plan.Index, c, Invariant(
                    $"component {components[c].Schema.Name}: At is {declared}; it is a number of bytes, or left out")));
            }
            if (declared >= 0)
                CheckOne(plan, c, together ? end : 0, together, problems);

            // Later components are compared with what this one declares: one gap is reported once, not for all that follow it.
            var begin = declared >= 0 ? declared : end;
            if (together && c + 1 < components.Count)
                end = checked(begin + components[c + 1].Offset - components[c].Offset);
        }
    }

    private static void CheckOne(KvGroupPlan plan, int c, long end, bool together, List<LayoutProblem> problems)
    {
        var component = plan.Components[c].Schema;
        if (component.At == end)
            return;
        var prefix = Invariant($"component {component.Name} begins at byte {component.At} by its At, but ");
        var before = c > 0 ? plan.Components[c - 1].Schema.Name + " ends" : "the page or entry begins";
        var problem = !together
            ? new LayoutProblem(LayoutProblemKind.Dimension, plan.Index, c, prefix +
                "by the order no other component lies before it in its page (P is not right of B); leave At out")
            : component.At < end
                ? new LayoutProblem(LayoutProblemKind.Overlap, plan.Index, c, prefix + Invariant(
                    $"{before} at byte {end}: they overlap by {end - component.At} bytes; correct a shape, an order or At"))
                : new LayoutProblem(LayoutProblemKind.Gap, plan.Index, c, prefix + Invariant(
                    $"{before} at byte {end}: the {component.At - end} bytes between belong to no component; ") +
                    "declare a component of that size with Transfer = false before it") { Suggestion = component.At - end };
        problems.Add(problem);
    }
}
