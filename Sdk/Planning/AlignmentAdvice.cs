using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Finds pieces that begin in the middle of a cache line: then two pieces share one, and adapters and copies split it. A piece whose
/// length is no multiple is no harm where padding follows it, so places and strides are what counts. And finds rows (what one token
/// or head holds) that are no multiple of a vector: with another order or number of ranks on the other side each is a piece of its own.
/// </summary>
internal static class AlignmentAdvice
{
    // The search for a better size ends here: a multiple of 64 elements always fits unless units stand in the way.
    private const int SizesTried = 4096;

    public static LayoutProblem? Of(KvSchema schema, int index)
    {
        var group = schema.Groups[index];
        var sizes = new List<int> { 1 };
        sizes.AddRange(schema.TpSizes);
        foreach (var tp in sizes)
        {
            if (LayoutAdvice.Plan(schema, index, group, tp) is not { } plan || FirstMisaligned(plan) is not { } piece)
                continue;
            var pageAlign = PageAlignThatHelps(schema, index, group, sizes);
            var component = Culprit(plan);
            return new LayoutProblem(
                LayoutProblemKind.Alignment, index, component.Index, Message(plan, component, piece, tp, pageAlign)) { Suggestion = pageAlign };
        }
        return OddRow(schema, index, group);
    }

    // Scales are small by nature, and their rows lie beside each other; state without tokens moves as it is.
    private static LayoutProblem? OddRow(KvSchema schema, int index, KvGroupSchema group)
    {
        if (LayoutAdvice.Plan(schema, index, group, 1) is not { } plan)
            return null;
        foreach (var component in plan.Components)
        {
            if (component.Schema.ScaleOf is not null || !component.Schema.Transfer || EntryBytes(component) % LayoutAdvice.RowAlignment == 0 ||
                !component.Dims.Any(dim => dim.Dim.Kind == DimKind.Token))
            {
                continue;
            }
            var message = Invariant($"component {component.Schema.Name} is {TypeNames.Of(component.Schema.Type)} × {component.Share.Elements} = ") +
                Invariant($"{EntryBytes(component):N0} bytes, no multiple of {LayoutAdvice.RowAlignment}; with another order or number of ranks on the other side ") +
                "each is a piece of its own";
            var better = BetterSize(component, LayoutAdvice.RowAlignment);
            return new LayoutProblem(LayoutProblemKind.Alignment, index, component.Index,
                better > 0 ? message + Invariant($"; the next last size of its shape that fits is {better}") : message);
        }
        return null;
    }

    private static KvRegion? FirstMisaligned(KvGroupPlan plan)
    {
        foreach (var region in plan.Regions)
        {
            if (region.Offset % LayoutAdvice.Alignment != 0 || region.Stride % LayoutAdvice.Alignment != 0)
                return region;
        }
        return null;
    }

    private static int PageAlignThatHelps(KvSchema schema, int index, KvGroupSchema group, List<int> sizes)
    {
        var padded = group with { PageAlign = Math.Max(group.PageAlign, LayoutAdvice.Alignment) };
        var orders = GroupOrders.Resolve(group, index, []);
        if (orders is null || orders.Slots || padded.PageAlign == group.PageAlign)
            return 0;
        foreach (var tp in sizes)
        {
            if (LayoutAdvice.Plan(schema, index, padded, tp) is not { } plan || FirstMisaligned(plan) is not null)
                return 0;
        }
        return padded.PageAlign;
    }

    // The component whose bytes in one page are no multiple; else one whose single entry is none (components that alternate).
    private static KvComponentPlan Culprit(KvGroupPlan plan)
    {
        foreach (var component in plan.Components)
        {
            if (component.BytesPerBlock / plan.Layers.Count % LayoutAdvice.Alignment != 0)
                return component;
        }
        foreach (var component in plan.Components)
        {
            if (EntryBytes(component) % LayoutAdvice.Alignment != 0)
                return component;
        }
        return plan.Components[0];
    }

    private static long EntryBytes(KvComponentPlan component) => checked(component.Share.Elements * component.ElementBytes);

    private static string Message(KvGroupPlan plan, KvComponentPlan component, KvRegion piece, int tp, int pageAlign)
    {
        var rank = tp == 1 ? "for the whole model" : Invariant($"at TP {tp}");
        var what = piece.Offset % LayoutAdvice.Alignment != 0
            ? Invariant($"a piece of {piece.Length:N0} bytes begins at byte {piece.Offset:N0}")
            : Invariant($"blocks lie {piece.Stride:N0} bytes apart");
        var message = Invariant($"component {component.Schema.Name} is {TypeNames.Of(component.Schema.Type)} × {component.Share.Elements} = ") +
            Invariant($"{EntryBytes(component):N0} bytes, so that in group {plan.Schema.Name} {what} {rank}, no multiple of {LayoutAdvice.Alignment}");
        var better = BetterSize(component, LayoutAdvice.Alignment);
        if (better > 0)
            message += Invariant($"; the next last size of its shape that fits is {better}");
        if (pageAlign > 0)
            message += Invariant($"; PageAlign = {pageAlign} pads the page");
        return message;
    }

    private static int BetterSize(KvComponentPlan component, int alignment)
    {
        var shape = component.Schema.Shape;
        var last = shape[shape.Count - 1];
        var whole = ShareMath.Elements(component.Schema);
        for (var size = last + 1; size <= last + SizesTried; size++)
        {
            var elements = checked(whole / last * size * component.Share.Elements);
            if (elements % whole == 0 && elements / whole * component.ElementBytes % alignment == 0)
                return size;
        }
        return 0;
    }
}
