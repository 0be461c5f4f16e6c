using System.Runtime.InteropServices;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

// Arenas, registrations, prepared lists.
internal sealed partial class FakeAgentCore
{
    private const ulong PageSize = 4096;

    private readonly Dictionary<ulong, NativeArenaInfo> _arenas = [];
    private readonly Dictionary<ulong, FakeRegion> _regions = [];
    private readonly Dictionary<ulong, FakeList> _lists = [];

    public override unsafe NixlStatus CreateArena(ulong length, HugePages hugePages, out NativeArenaInfo arena)
    {
        arena = default;
        if (hugePages == HugePages.Require)
            return Fail(NixlStatus.NotSupported, $"FakeTransport has no huge pages; use HugePages.Try");
        if (length > long.MaxValue - PageSize)
            return Fail(NixlStatus.InvalidParameter, $"{length} bytes are more than an address space");
        length = (length + PageSize - 1) / PageSize * PageSize;
        void* memory;
        try
        {
            memory = NativeMemory.AlignedAlloc((nuint)length, (nuint)PageSize);
        }
        catch (OutOfMemoryException)
        {
            return Fail(NixlStatus.OutOfMemory, $"no memory for an arena of {length} bytes");
        }

        NativeMemory.Clear(memory, (nuint)length);
        lock (_network.Sync)
        {
            arena = new NativeArenaInfo { Arena = NextId(), Address = (ulong)memory, Length = length, PageSize = PageSize };
            _arenas.Add(arena.Arena, arena);
        }

        return NixlStatus.Success;
    }

    public override NixlStatus DestroyArena(ulong arena)
    {
        lock (_network.Sync)
        {
            if (!_arenas.TryGetValue(arena, out var info))
                return Fail(NixlStatus.NotFound, $"no such arena");
            foreach (var region in _regions.Values)
            {
                if (region.Arena == arena)
                    return Fail(NixlStatus.Busy, $"a region of the arena is still registered");
            }

            _arenas.Remove(arena);
            FreeArena(info);
            return NixlStatus.Success;
        }
    }

    public override NixlStatus Register(in MemoryDescriptor memory, out ulong region)
    {
        region = 0;
        if (memory.Length == 0 || memory.Address == 0 || memory.Address + memory.Length < memory.Address)
            return Fail(NixlStatus.InvalidParameter, $"an empty range, or one beyond the address space", null, null, memory.Address, memory.Length);
        if (memory.Kind != MemoryKind.Dram)
            return Fail(NixlStatus.NotFound, $"FakeTransport moves host memory only, not {memory.Kind}", null, null, memory.Address, memory.Length);
        lock (_network.Sync)
        {
            ulong arena = 0;
            foreach (var info in _arenas.Values)
            {
                if (memory.Address >= info.Address && memory.Address < info.Address + info.Length)
                    arena = info.Arena;
            }

            region = NextId();
            _regions.Add(region, new FakeRegion(region, memory, arena));
            return NixlStatus.Success;
        }
    }

    public override NixlStatus Deregister(ulong region, ulong timeoutNs)
    {
        lock (_network.Sync)
        {
            if (!_regions.TryGetValue(region, out var known))
                return Fail(NixlStatus.NotFound, $"no such registration");
            if (known.Lists > 0)
            {
                return Fail(
                    NixlStatus.Busy, $"{known.Lists} prepared lists or operations hold it; dispose those first", null, null,
                    known.Memory.Address, known.Memory.Length);
            }

            _regions.Remove(region); // Copies run under the lock, so nobody is in the middle of one.
            return NixlStatus.Success;
        }
    }

    public override NixlStatus QueryMemory(ulong region, ref NativeRegionInfo info)
    {
        lock (_network.Sync)
        {
            var found = region != 0
                ? _regions.GetValueOrDefault(region)
                : FindRegion(info.Address, info.Length, (MemoryKind)info.Kind, info.Device);
            if (found is null)
                return Fail(NixlStatus.NotFound, $"no registration covers the range", null, null, info.Address, info.Length);
            info = new NativeRegionInfo
            {
                Region = found.Id,
                Address = found.Memory.Address,
                Length = found.Memory.Length,
                Device = found.Memory.Device,
                Kind = (uint)found.Memory.Kind,
                Transports = (uint)NixlTransports.Loopback,
                Arena = found.Arena,
                Lists = (ulong)found.Lists,
            };
            return NixlStatus.Success;
        }
    }

    public override NixlStatus PrepareList(ulong peer, ListMode mode, ReadOnlySpan<StridedRegion> regions, out ulong list)
    {
        list = 0;
        if (regions.Length == 0)
            return Fail(NixlStatus.InvalidParameter, $"a list needs at least one region");
        lock (_network.Sync)
        {
            FakePeer? target = null;
            if (peer != 0)
            {
                if (!_peers.TryGetValue(peer, out target))
                    return Fail(NixlStatus.NotFound, $"no such peer");
                if (target.IsFinal)
                    return FailPeer(target);
            }

            var holds = new HashSet<FakeRegion>();
            for (var i = 0; i < regions.Length; i++)
            {
                var r = regions[i];
                var status = CheckRegion(r, i, out var bytes);
                if (status < 0)
                    return status;
                if (mode == ListMode.Block && r.Count != regions[0].Count)
                {
                    return Fail(
                        NixlStatus.InvalidParameter,
                        $"region {i} has {r.Count} blocks, the first one {regions[0].Count}; in block mode every id must exist in every region",
                        target?.Blob.Name, i, r.Base, r.Length);
                }

                if (target is null)
                {
                    if (FindRegion(r.Base, bytes, r.Kind, r.Device) is not { } local)
                        return NotRegistered(r, i, bytes, null);
                    holds.Add(local);
                }
                else if (!Array.Exists(target.Blob.Regions, m => FakeRegion.Covers(m, r.Base, bytes, r.Kind, r.Device)))
                {
                    return NotRegistered(r, i, bytes, target.Blob.Name);
                }
            }

            foreach (var hold in holds)
                hold.Lists++;
            list = NextId();
            _lists.Add(list, new FakeList(target, mode, regions.ToArray(), [.. holds]));
            return NixlStatus.Success;
        }
    }

    public override NixlStatus ReleaseList(ulong list)
    {
        lock (_network.Sync)
        {
            if (!_lists.Remove(list, out var known))
                return Fail(NixlStatus.NotFound, $"no such list");
            known.Released = true;
            LetGo(known);
            return NixlStatus.Success;
        }
    }

    public override NixlStatus ListInfo(ulong list, ref NativeListInfo info)
    {
        lock (_network.Sync)
        {
            if (!_lists.TryGetValue(list, out var known))
                return Fail(NixlStatus.NotFound, $"no such list");
            ulong sum = 0;
            var equal = true;
            foreach (var region in known.Regions)
            {
                sum += region.Length;
                equal &= region.Length == known.Regions[0].Length;
            }

            info = new NativeListInfo
            {
                Entries = known.Entries,
                Regions = (ulong)known.Regions.Length,
                BytesPerEntry = known.Mode == ListMode.Block ? sum : equal ? known.Regions[0].Length : 0,
                MemoryBytes = (ulong)known.Regions.Length * 56,
                Peer = known.Peer?.Id ?? 0,
                Mode = (uint)known.Mode,
            };
            return NixlStatus.Success;
        }
    }

    private static NixlStatus CheckRegion(in StridedRegion r, int index, out ulong bytes)
    {
        bytes = 0;
        if (r.Length == 0 || r.Count == 0)
            return Fail(NixlStatus.InvalidParameter, $"region {index} is empty", null, index, r.Base, r.Length);
        var units = Math.Max(r.Units, 1);
        if (r.Count % units != 0 || (units == 1 && r.UnitStride != 0))
            return Fail(NixlStatus.InvalidParameter, $"region {index} has {r.Count} pieces in {units} units of stride {r.UnitStride}", null, index, r.Base, r.Length);
        var blocks = r.Count / units;
        var blockReach = ((UInt128)(units - 1) * r.UnitStride) + r.Length;
        var unitReach = ((UInt128)(blocks - 1) * r.Stride) + r.Length;
        if ((units > 1 && r.UnitStride < r.Length) || (blocks > 1 && r.Stride < r.Length) ||
            (units > 1 && blocks > 1 && r.Stride < blockReach && r.UnitStride < unitReach))
        {
            return Fail(
                NixlStatus.InvalidParameter,
                $"the pieces of region {index} overlap: stride {r.Stride}, {units} units of stride {r.UnitStride}, length {r.Length}", null, index,
                r.Base, r.Length);
        }

        var reach = unitReach + blockReach - r.Length;
        if (reach + r.Base > ulong.MaxValue)
            return Fail(NixlStatus.InvalidParameter, $"region {index} reaches beyond the address space", null, index, r.Base, r.Length);
        bytes = (ulong)reach;
        return NixlStatus.Success;
    }

    private static NixlStatus NotRegistered(in StridedRegion r, int index, ulong bytes, string? peer) => Fail(
        NixlStatus.NotFound,
        $"no registration {(peer is null ? "in this agent" : "of the peer")} covers region {index}, 0x{r.Base:x} + {bytes} bytes; {(peer is null ? "register it first" : "register it there and connect with the newer metadata")}",
        peer, index, r.Base, bytes);

    private FakeRegion? FindRegion(ulong address, ulong length, MemoryKind kind, ulong device)
    {
        foreach (var region in _regions.Values)
        {
            if (FakeRegion.Covers(region.Memory, address, length, kind, device))
                return region;
        }

        return null;
    }

    private static void LetGo(FakeList list)
    {
        if (!list.Released || list.Uses > 0)
            return;
        foreach (var hold in list.Holds)
            hold.Lists--;
    }
}
