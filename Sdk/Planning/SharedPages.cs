using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Memory that several groups share. Tensor i of every group of the pool is the same tensor, and its pages are the pool's: with
/// <see cref="KvShare.Overlay"/> each page belongs to one group at a time and is as long as the longest, with
/// <see cref="KvShare.Concat"/> it holds the groups' pages one behind another.
/// </summary>
internal static class SharedPages
{
    public static bool IsShared(KvGroupSchema group) => group.Share != KvShare.Own;

    /// <summary>True if the two groups lie in the same tensors.</summary>
    public static bool ShareTensors(KvGroupSchema a, KvGroupSchema b) =>
        IsShared(a) && IsShared(b) && string.Equals(a.Pool, b.Pool, StringComparison.Ordinal);

    /// <summary>The first group before this one that has the same tensor, or -1.</summary>
    public static int FirstOwner(IReadOnlyList<KvGroupPlan> groups, int group, int tensor)
    {
        for (var i = 0; i < group; i++)
        {
            if (ShareTensors(groups[i].Schema, groups[group].Schema) && tensor < groups[i].Tensors.Count)
                return i;
        }
        return -1;
    }

    /// <summary>The places of all groups' pages, from plans with one block in memory of their own.</summary>
    public static PagePlacement[] Place(IReadOnlyList<KvGroupPlan> groups)
    {
        var places = new PagePlacement[groups.Count];
        for (var i = 0; i < places.Length; i++)
        {
            if (!IsShared(groups[i].Schema))
                continue;
            var offset = 0L;
            var stride = 0L;
            var align = 1;
            for (var other = 0; other < places.Length; other++)
            {
                if (!ShareTensors(groups[i].Schema, groups[other].Schema))
                    continue;
                // Every page begins where the widest element of the pool may begin, whichever group it is used for.
                align = Math.Max(align, Math.Max(groups[other].Schema.PageAlign, LayoutMath.ElementAlignment(groups[other].Schema)));
            }
            for (var other = 0; other < places.Length; other++)
            {
                if (!ShareTensors(groups[i].Schema, groups[other].Schema))
                    continue;
                var page = LayoutMath.AlignUp(groups[other].Tensors.Count == 0 ? 0 : groups[other].Tensors[0].Bytes, align);
                if (groups[i].Schema.Share == KvShare.Overlay)
                {
                    stride = Math.Max(stride, page);
                    continue;
                }
                if (other == i)
                    offset = stride;
                stride = checked(stride + page);
            }
            places[i] = new PagePlacement(offset, stride);
        }
        return places;
    }

    /// <summary>Adds what forbids a group to share memory as it says.</summary>
    public static void Check(KvSchema schema, int index, GroupOrders orders, List<LayoutProblem> problems)
    {
        var group = schema.Groups[index];
        if (!IsShared(group))
            return;
        void Bad(string message) => problems.Add(new LayoutProblem(
            LayoutProblemKind.Sharing, index, -1, Invariant($"group {group.Name} has Share = {group.Share}: ") + message));

        if (group.Pool.Length == 0)
        {
            Bad("name the pool that it shares, Pool = \"…\"");
            return;
        }
        if (orders.Tensors.Length > 1 || (orders.Tensors.Length == 1 && orders.Tensors[0].Kind != DimKind.Layer) ||
            orders.Shared.Length == 0 || orders.Shared[0].Kind != DimKind.Block)
            Bad("its pages must be whole, so nothing but L may stand left of the bar, and B first behind it; for example \"L | B P H N D\"");
        var alone = true;
        for (var i = 0; i < schema.Groups.Count; i++)
        {
            var other = schema.Groups[i];
            if (i == index || !string.Equals(other.Pool, group.Pool, StringComparison.Ordinal))
                continue;
            alone = false;
            if (other.Share != group.Share)
                Bad(Invariant($"group {other.Name} of the same pool has Share = {other.Share}; all groups of a pool share in one way"));
            else if (TensorPerLayer(other) != TensorPerLayer(group))
                Bad(Invariant($"of group {other.Name} of the same pool and this one only one has a tensor per layer"));
            else if (group.Share == KvShare.Concat && !other.LayerNumbers().Equals(group.LayerNumbers()))
                Bad(Invariant($"its pages lie beside those of group {other.Name} layer by layer, so both need the same layers"));
        }
        if (alone)
            Bad(Invariant($"no other group names pool \"{group.Pool}\""));
    }

    private static bool TensorPerLayer(KvGroupSchema group) => LayoutOrder.Parse(group.Order, out _) is { Tensors.Count: > 0 };
}
