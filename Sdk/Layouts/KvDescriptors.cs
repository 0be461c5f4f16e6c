using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>Turns plans into descriptors and strided regions. Called by generated code. Building allocates nothing.</summary>
/// <remarks>Thread-safe: pure functions of their arguments.</remarks>
public static class KvDescriptors
{
    /// <summary>Writes one descriptor per piece and block, piece by piece: piece p of block i stands at <c>p * blockIds.Length + i</c>.</summary>
    /// <param name="group">The group's plan.</param>
    /// <param name="bases">The base address of each tensor of the plan.</param>
    /// <param name="blockIds">The blocks.</param>
    /// <param name="destination">Room for the plan's pieces per block times the blocks.</param>
    /// <param name="kind">The kind of memory.</param>
    /// <param name="device">The device of that kind.</param>
    /// <returns>The number of descriptors.</returns>
    /// <exception cref="ArgumentException">Too few or too many bases, or too little room.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A block id is outside the plan.</exception>
    public static int Build(
        KvGroupPlan group, ReadOnlySpan<ulong> bases, ReadOnlySpan<int> blockIds, Span<MemoryDescriptor> destination,
        MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        CheckBases(group, bases);
        var regions = group.Regions.AsSpan();
        var count = checked(regions.Length * blockIds.Length);
        if (destination.Length < count)
            throw new ArgumentException($"There is room for {destination.Length} descriptors; {count} are needed.", nameof(destination));
        foreach (var id in blockIds)
        {
            if (id < 0 || id >= group.Blocks)
                throw new ArgumentOutOfRangeException(nameof(blockIds), id, $"Group {group.Schema.Name} has the blocks 0 … {group.Blocks - 1}.");
        }
        var at = 0;
        foreach (ref readonly var region in regions)
        {
            var start = checked(bases[region.TensorIndex] + (ulong)region.Offset);
            foreach (var id in blockIds)
                destination[at++] = new MemoryDescriptor(checked(start + (ulong)id * (ulong)region.Stride), (ulong)region.Length, kind, device);
        }
        return count;
    }

    /// <summary>Writes one strided region per piece: what a block-wise prepared list is made of, whatever the number of blocks.</summary>
    /// <param name="group">The group's plan.</param>
    /// <param name="bases">The base address of each tensor of the plan.</param>
    /// <param name="destination">Room for the plan's pieces per block.</param>
    /// <param name="kind">The kind of memory.</param>
    /// <param name="device">The device of that kind.</param>
    /// <returns>The number of regions.</returns>
    /// <exception cref="ArgumentException">Too few or too many bases, or too little room.</exception>
    public static int BuildRegions(
        KvGroupPlan group, ReadOnlySpan<ulong> bases, Span<StridedRegion> destination, MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        CheckBases(group, bases);
        var regions = group.Regions.AsSpan();
        if (destination.Length < regions.Length)
            throw new ArgumentException($"There is room for {destination.Length} regions; {regions.Length} are needed.", nameof(destination));
        for (var i = 0; i < regions.Length; i++)
        {
            ref readonly var region = ref regions[i];
            destination[i] = new StridedRegion(
                checked(bases[region.TensorIndex] + (ulong)region.Offset), (ulong)region.Stride, (ulong)region.Length, (ulong)region.Count, kind, device);
        }
        return regions.Length;
    }

    /// <summary>Prepares the block-wise list of this process's memory: id b is block b of the group.</summary>
    /// <param name="agent">The agent that the memory is registered with.</param>
    /// <param name="group">The group's plan.</param>
    /// <param name="bases">The base address of each tensor of the plan.</param>
    /// <param name="kind">The kind of memory.</param>
    /// <param name="device">The device of that kind.</param>
    /// <exception cref="NixlNotFoundException">A piece is not registered.</exception>
    public static PreparedList PrepareLocal(
        NixlAgent agent, KvGroupPlan group, ReadOnlySpan<ulong> bases, MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(group);
        var regions = new StridedRegion[group.Regions.Count];
        BuildRegions(group, bases, regions, kind, device);
        return agent.PrepareLocal(regions, ListMode.Block);
    }

    /// <summary>Prepares the block-wise list of a peer's memory: id b is block b of the group.</summary>
    /// <param name="agent">The agent that connected the peer.</param>
    /// <param name="peer">The peer.</param>
    /// <param name="group">The plan of the peer's group.</param>
    /// <param name="bases">The base address of each tensor of the plan, in the peer's address space.</param>
    /// <param name="kind">The kind of memory.</param>
    /// <param name="device">The device of that kind.</param>
    /// <exception cref="NixlNotFoundException">The peer has not registered a piece.</exception>
    public static PreparedList PrepareRemote(
        NixlAgent agent, RemoteAgent peer, KvGroupPlan group, ReadOnlySpan<ulong> bases, MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(group);
        var regions = new StridedRegion[group.Regions.Count];
        BuildRegions(group, bases, regions, kind, device);
        return agent.PrepareRemote(peer, regions, ListMode.Block);
    }

    private static void CheckBases(KvGroupPlan group, ReadOnlySpan<ulong> bases)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (bases.Length != group.Tensors.Count)
            throw new ArgumentException($"Group {group.Schema.Name} has {group.Tensors.Count} tensors, but {bases.Length} base addresses are given.", nameof(bases));
    }
}
