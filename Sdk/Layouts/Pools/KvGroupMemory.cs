using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// One group of a pool, on either side: its plan and where its tensors lie, from which the strided regions follow.
/// Immutable; owns no memory.
/// </summary>
internal sealed class KvGroupMemory
{
    private KvGroupMemory(KvGroupPlan plan, long blocks, int ratio, PoolTensorAdvertisement[] tensors, StridedRegion[] regions)
    {
        Plan = plan;
        Blocks = blocks;
        PhysicalBlocksPerBlock = ratio;
        Tensors = tensors;
        Regions = regions;
    }

    /// <summary>Planned for Blocks · PhysicalBlocksPerBlock physical blocks.</summary>
    public KvGroupPlan Plan { get; }

    public long Blocks { get; }

    public int PhysicalBlocksPerBlock { get; }

    public PoolTensorAdvertisement[] Tensors { get; }

    /// <summary>Piece i of block b is piece b of region i.</summary>
    public StridedRegion[] Regions { get; }

    /// <summary>Checks the tensors against the plan. Returns null and says what is wrong and with which tensor, or the memory.</summary>
    public static KvGroupMemory? TryCreate(
        KvGroupPlan plan, int ratio, IReadOnlyList<PoolTensorAdvertisement> given, out string? problem)
    {
        var blocks = plan.Blocks / ratio;
        if (given.Count != plan.Tensors.Count)
        {
            problem = $"group '{plan.Schema.Name}' has {plan.Tensors.Count} tensors ({Names(plan)}) and {given.Count} are given";
            return null;
        }
        var tensors = new PoolTensorAdvertisement[given.Count];
        var align = LayoutMath.ElementAlignment(plan.Schema);
        for (var i = 0; i < tensors.Length; i++)
        {
            tensors[i] = given[i].PageStride == 0 ? given[i] with { PageStride = (ulong)plan.Tensors[i].PageStride } : given[i];
            problem = CheckTensor(plan, plan.Tensors[i], tensors[i], align);
            if (problem is not null) return null;
        }
        var pieces = plan.Regions.Sum(region => PiecesOf(region, StrideIn(plan, tensors, region.TensorIndex, region.Stride), ratio));
        if (pieces > PieceRuns.MaxPieces)
        {
            problem = $"group '{plan.Schema.Name}': {ratio} physical blocks per block make a block {pieces} separate pieces; at most {PieceRuns.MaxPieces} can be moved";
            return null;
        }
        problem = null;
        return new KvGroupMemory(plan, blocks, ratio, tensors, MakeRegions(plan, blocks, ratio, tensors));
    }

    /// <summary>The regions of what a route moves, on this side of it: id u is unit u, counted through all physical blocks.</summary>
    /// <exception cref="NotSupportedException">There are more units than ids can number.</exception>
    public StridedRegion[] RegionsOf(ReshardGroup route, bool isSource)
    {
        var units = isSource ? route.Units.SourcePerBlock : route.Units.TargetPerBlock;
        if (Plan.Blocks > int.MaxValue / units)
            throw new NotSupportedException($"Group '{Plan.Schema.Name}': {Plan.Blocks} blocks of {units} units each are more than 32-bit ids can number.");
        var regions = new StridedRegion[route.Pieces.Count];
        for (var i = 0; i < regions.Length; i++)
        {
            var piece = route.Pieces[i];
            var (tensor, offset, stride, unitStride) = isSource
                ? (piece.SourceTensor, piece.SourceOffset, piece.SourceStride, piece.SourceUnitStride)
                : (piece.TargetTensor, piece.TargetOffset, piece.TargetStride, piece.TargetUnitStride);
            var region = Region(Tensors[tensor].Address + (ulong)offset, StrideIn(Plan, Tensors, tensor, stride), piece.Length, Plan.Blocks * units, Tensors[tensor]);
            regions[i] = units == 1 ? region : region with { Units = (uint)units, UnitStride = (ulong)unitStride };
        }
        return regions;
    }

    /// <summary>Says which two tensors of a pool overlap though their layout does not say so, or returns null.</summary>
    public static string? FindOverlap(IReadOnlyList<KvGroupMemory> groups)
    {
        if (FindUnshared(groups) is { } unshared) return unshared;
        var plans = groups.Select(group => group.Plan).ToArray();
        var all = groups.SelectMany((group, g) => group.Tensors.Select((tensor, i) => (Tensor: tensor, Group: g, Index: i)))
            .Where(tensor => SharedPages.FirstOwner(plans, tensor.Group, tensor.Index) < 0).ToArray();
        Array.Sort(all, static (a, b) => Compare(a.Tensor, b.Tensor));
        for (var i = 1; i < all.Length; i++)
        {
            var (before, after) = (all[i - 1], all[i]);
            if (before.Tensor.Kind == after.Tensor.Kind && before.Tensor.Device == after.Tensor.Device &&
                after.Tensor.Address - before.Tensor.Address < before.Tensor.Length)
            {
                return $"{Name(groups[before.Group].Plan, before.Index)} at {Range(before.Tensor)} and {Name(groups[after.Group].Plan, after.Index)} at {Range(after.Tensor)} overlap";
            }
        }
        return null;
    }

    // What the layout declares as shared must be the same memory, or a block id would mean two places.
    private static string? FindUnshared(IReadOnlyList<KvGroupMemory> groups)
    {
        var plans = groups.Select(group => group.Plan).ToArray();
        for (var g = 1; g < groups.Count; g++)
        {
            for (var i = 0; i < groups[g].Tensors.Length; i++)
            {
                var owner = SharedPages.FirstOwner(plans, g, i);
                if (owner >= 0 && groups[owner].Tensors[i] != groups[g].Tensors[i])
                    return $"{Name(plans[owner], i)} at {Range(groups[owner].Tensors[i])} and {Name(plans[g], i)} at {Range(groups[g].Tensors[i])} must be the same tensor: the groups share pool '{plans[g].Schema.Pool}'";
            }
        }
        return null;
    }

    private static string? CheckTensor(KvGroupPlan plan, KvTensorPlan planned, in PoolTensorAdvertisement tensor, int align)
    {
        var name = Name(plan, planned.Index);
        if (tensor.Address == 0) return $"{name} has no address";
        if (tensor.Length == 0 || tensor.Length > long.MaxValue || tensor.Address > ulong.MaxValue - tensor.Length)
            return $"{name}: {tensor.Length} bytes at 0x{tensor.Address:x} are not a range of memory";
        if (tensor.Address % (ulong)align != 0)
            return $"{name} at 0x{tensor.Address:x} is not aligned to its elements of {align} bytes";
        var stride = (long)tensor.PageStride;
        var needed = planned.Bytes;
        if (stride != planned.PageStride)
        {
            if (!planned.BlocksOutermost)
                return $"{name}: the page stride {stride} differs from the layout's {planned.PageStride}, and blocks are not the tensor's outermost dimension, so everything else would move, too";
            if (stride < planned.PageStride) return $"{name}: the page stride {stride} is smaller than a page of {planned.PageStride} bytes";
            if (stride % align != 0) return $"{name}: the page stride {stride} is not a multiple of its elements' {align} bytes";
            if ((Int128)(plan.Blocks - 1) * stride + planned.PageStride > long.MaxValue)
                return $"{name}: {plan.Blocks} blocks with a page stride of {stride} are more than memory can hold";
            needed = (plan.Blocks - 1) * stride + planned.PageStride;
        }
        return tensor.Length < (ulong)needed
            ? $"{name} has {tensor.Length} bytes at {Range(tensor)} and needs {needed} for {plan.Blocks} physical blocks"
            : null;
    }

    /// <summary>The regions of one layer.</summary>
    /// <param name="layer">The model's index of the layer.</param>
    public StridedRegion[] RegionsOfLayer(int layer) => MakeRegions(Plan, Blocks, PhysicalBlocksPerBlock, Tensors, layer);

    private static StridedRegion[] MakeRegions(KvGroupPlan plan, long blocks, int ratio, PoolTensorAdvertisement[] tensors, int layer = -1)
    {
        var regions = new List<StridedRegion>(plan.Regions.Count);
        foreach (var region in plan.Regions)
        {
            if (layer >= 0 && (region.Layer < 0 || plan.Layers[region.Layer] != layer)) continue;
            var tensor = tensors[region.TensorIndex];
            var stride = StrideIn(plan, tensors, region.TensorIndex, region.Stride);
            var address = tensor.Address + (ulong)region.Offset;
            var pieces = PiecesOf(region, stride, ratio);
            for (var i = 0; i < pieces; i++)
                regions.Add(Region(address + (ulong)(i * stride), stride * ratio, region.Length * (ratio / pieces), blocks, tensor));
        }
        return [.. regions];
    }

    // The physical blocks that make one block are one piece where nothing lies between them.
    private static long PiecesOf(in KvRegion region, long stride, int ratio) => region.Length == stride ? 1 : ratio;

    // Another page stride is only accepted where blocks are outermost: then offsets within a page stay as they are.
    private static long StrideIn(KvGroupPlan plan, PoolTensorAdvertisement[] tensors, int tensor, long planned) =>
        plan.Tensors[tensor].BlocksOutermost ? (long)tensors[tensor].PageStride : planned;

    private static StridedRegion Region(ulong address, long stride, long length, long count, in PoolTensorAdvertisement tensor) =>
        new(address, (ulong)stride, (ulong)length, (ulong)count, tensor.Kind, tensor.Device);

    private static int Compare(in PoolTensorAdvertisement a, in PoolTensorAdvertisement b)
    {
        var order = a.Kind.CompareTo(b.Kind);
        if (order == 0) order = a.Device.CompareTo(b.Device);
        return order == 0 ? a.Address.CompareTo(b.Address) : order;
    }

    private static string Name(KvGroupPlan plan, int tensor) => $"tensor {tensor} ({plan.Tensors[tensor].Name}) of group '{plan.Schema.Name}'";

    private static string Names(KvGroupPlan plan) =>
        string.Join("; ", plan.Tensors.Take(4).Select(tensor => tensor.Name)) + (plan.Tensors.Count > 4 ? "; …" : "");

    private static string Range(in PoolTensorAdvertisement tensor) => $"[0x{tensor.Address:x}, 0x{tensor.Address + tensor.Length:x})";
}
