using Nixl.Sdk.Interop;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// What a pool's blocks lie in: an arena of its own, or registrations over the engine's memory. Owned by the pool. Prepared lists keep
/// both alive after <see cref="Dispose"/> until the last of them is gone.
/// </summary>
internal sealed class KvPoolMemory : IDisposable
{
    private readonly MemoryArena? _arena;
    private readonly NixlAgent _agent;
    private readonly MemoryRegion[] _regions;
    private readonly RegionHandle[] _engines;

    private KvPoolMemory(NixlAgent agent, KvGroupMemory[] groups, MemoryArena? arena, MemoryRegion[] regions, RegionHandle[] engines)
    {
        _agent = agent;
        Groups = groups;
        _arena = arena;
        _regions = regions;
        _engines = engines;
    }

    public KvGroupMemory[] Groups { get; }

    /// <summary>Whether any registration still reaches the memory: the pool's, or one that the engine made itself.</summary>
    public bool IsRegistered => !_agent.IsClosed &&
        ((_arena?.Region.IsRegistered ?? false) || Array.Exists(_regions, static region => region.IsRegistered) ||
         Array.Exists(_engines, static region => !region.IsReleased));

    /// <summary>False once the memory may be unmapped: an arena ends with its agent. Bound memory is the engine's affair.</summary>
    public bool IsMapped => _arena is null || !_agent.IsDisposed;

    /// <summary>One arena for all tensors of all groups, each on a page of its own.</summary>
    public static KvPoolMemory Allocate(NixlAgent agent, KvPlan plan, KvPoolOptions options)
    {
        var total = 0L;
        foreach (var group in plan.Groups)
            foreach (var tensor in group.Tensors)
                if (SharedPages.FirstOwner(plan.Groups, group.Index, tensor.Index) < 0) total = checked(total + LayoutMath.AlignUp(tensor.Bytes, KvTensorPlan.Alignment));
        if (total == 0)
            throw new ArgumentException($"Rank PP {options.Parallel.PpRank} of {options.Parallel.Pp} holds no layer of layout '{plan.Schema.Name}', so it has no pool.");

        var arena = agent.CreateArena(total, options.HugePages);
        try
        {
            var next = (ulong)arena.Address;
            var groups = new KvGroupMemory[plan.Groups.Count];
            for (var i = 0; i < groups.Length; i++)
            {
                var tensors = new PoolTensorAdvertisement[plan.Groups[i].Tensors.Count];
                for (var t = 0; t < tensors.Length; t++)
                {
                    var planned = plan.Groups[i].Tensors[t];
                    if (SharedPages.FirstOwner(plan.Groups, i, t) is >= 0 and var owner)
                    {
                        tensors[t] = groups[owner].Tensors[t];
                        continue;
                    }
                    tensors[t] = new PoolTensorAdvertisement(next, (ulong)planned.Bytes, (ulong)planned.PageStride, 0, MemoryKind.Dram);
                    next += (ulong)LayoutMath.AlignUp(planned.Bytes, KvTensorPlan.Alignment);
                }
                groups[i] = KvGroupMemory.TryCreate(plan.Groups[i], 1, tensors, out var problem) ?? throw new InvalidOperationException(problem);
            }
            return new KvPoolMemory(agent, groups, arena, [], []);
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>Checks the engine's tensors against the plan and registers what is not registered yet.</summary>
    public static KvPoolMemory Bind(NixlAgent agent, KvPlan plan, KvPoolBinding binding)
    {
        var groups = new KvGroupMemory[plan.Groups.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            var given = binding.Groups[i];
            var tensors = new PoolTensorAdvertisement[given.Tensors.Count];
            for (var t = 0; t < tensors.Length; t++) tensors[t] = Convert(given.Tensors[t], i, t);
            groups[i] = KvGroupMemory.TryCreate(plan.Groups[i], given.PhysicalBlocksPerBlock, tensors, out var problem)
                        ?? throw new ArgumentException($"Cannot bind layout '{plan.Schema.Name}': {problem}.", nameof(binding));
        }
        if (KvGroupMemory.FindOverlap(groups) is { } overlap)
            throw new ArgumentException($"Cannot bind layout '{plan.Schema.Name}': {overlap}; each tensor needs its own memory.", nameof(binding));

        var regions = new List<MemoryRegion>();
        var engines = new List<RegionHandle>();
        try
        {
            foreach (var (address, length, kind, device) in Ranges(groups))
            {
                // An engine may have registered its memory itself; then that registration is used and stays the engine's.
                if (agent.FindRegistration(address, length, kind, device) is { } own) engines.Add(own);
                else regions.Add(agent.Register(address, length, kind, device));
            }
            return new KvPoolMemory(agent, groups, null, [.. regions], [.. engines]);
        }
        catch
        {
            foreach (var region in regions) region.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _arena?.Dispose();
        foreach (var region in _regions) region.Dispose();
    }

    private static PoolTensorAdvertisement Convert(in KvTensorBinding tensor, int group, int index)
    {
        if (tensor.Length <= 0 || tensor.PageStride < 0)
            throw new ArgumentException($"Tensor {index} of group {group}: length {tensor.Length} and page stride {tensor.PageStride} must not be negative or empty.");
        if (tensor.Kind is < MemoryKind.Dram or > MemoryKind.Vram)
            throw new ArgumentException($"Tensor {index} of group {group} lies in {tensor.Kind} memory; a pool lies in {MemoryKind.Dram} or {MemoryKind.Vram}.");
        return new PoolTensorAdvertisement((ulong)tensor.Address, (ulong)tensor.Length, (ulong)tensor.PageStride, tensor.Device, tensor.Kind);
    }

    /// <summary>Host tensors that touch are registered as one; on a GPU neighbours may be different allocations, so each is its own.</summary>
    private static IEnumerable<(nint Address, long Length, MemoryKind Kind, ulong Device)> Ranges(KvGroupMemory[] groups)
    {
        var plans = groups.Select(group => group.Plan).ToArray();
        var tensors = groups.SelectMany((group, g) => group.Tensors.Where((_, i) => SharedPages.FirstOwner(plans, g, i) < 0)).OrderBy(t => t.Kind).ThenBy(t => t.Device).ThenBy(t => t.Address).ToArray();
        for (var i = 0; i < tensors.Length; i++)
        {
            var (first, end) = (tensors[i], tensors[i].Address + tensors[i].Length);
            while (first.Kind == MemoryKind.Dram && i + 1 < tensors.Length && tensors[i + 1].Kind == MemoryKind.Dram && tensors[i + 1].Address == end)
                end += tensors[++i].Length;
            yield return ((nint)first.Address, (long)(end - first.Address), first.Kind, first.Device);
        }
    }
}
