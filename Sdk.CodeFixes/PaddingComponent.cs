using Nixl.Sdk.Planning;

namespace Nixl.Sdk.CodeFixes;

/// <summary>Makes the component that fills a gap before another one.</summary>
internal static class PaddingComponent
{
    private const int MaxSize = 1 << 24;

    /// <summary>A component of exactly <paramref name="bytes"/> bytes where P stands, or null if the order cannot have one.</summary>
    /// <param name="group">The group; its components do not count.</param>
    /// <param name="bytes">The bytes per what P stands in.</param>
    public static KvComponentSchema? For(KvGroupSchema group, long bytes)
    {
        var pad = new KvComponentSchema("Pad", ElementType.UInt8, new KvList<int>([1])) { Transfer = false };
        var orders = GroupOrders.Resolve(group with { Components = new KvList<KvComponentSchema>([pad]) }, 0, []);
        if (orders is null)
            return null;

        // The group's own tail would repeat it per head and token. Layers must stand in every component's order.
        var tail = orders.Tails[0];
        var hasLayers = Array.Exists(tail, dim => dim.Kind == DimKind.Layer);
        var layers = hasLayers ? group.Layers : 1;
        if (layers < 1 || bytes % layers != 0 || bytes / layers is < 1 or > MaxSize)
            return null;
        var isContentOnly = tail.Length == 1 && tail[0] is { Kind: DimKind.Content, Part: DimPart.Whole };
        return pad with
        {
            Shape = new KvList<int>([(int)(bytes / layers)]),
            Order = isContentOnly ? null : hasLayers ? "L D" : "D",
        };
    }
}
