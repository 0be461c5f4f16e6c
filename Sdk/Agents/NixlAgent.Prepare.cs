using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

// Prepared lists: local ones over our registrations, remote ones over a peer's.
public sealed partial class NixlAgent
{
    /// <summary>Prepares a list over this agent's registered memory.</summary>
    /// <param name="regions">The strided regions; copied.</param>
    /// <param name="mode">What an id stands for.</param>
    /// <exception cref="NixlNotFoundException">No registration covers a region; the exception has its index and range.</exception>
    /// <exception cref="NixlInvalidArgumentException">A region is empty, overflows, or (block mode) counts differ.</exception>
    public PreparedList PrepareLocal(ReadOnlySpan<StridedRegion> regions, ListMode mode = ListMode.Block) =>
        Prepare(null, regions, mode);

    /// <summary>Prepares a flat list over this agent's registered memory: id i is descriptor i.</summary>
    /// <inheritdoc cref="PrepareLocal(ReadOnlySpan{StridedRegion}, ListMode)"/>
    /// <param name="descriptors">The ranges; copied.</param>
    public PreparedList PrepareLocal(ReadOnlySpan<MemoryDescriptor> descriptors) =>
        Prepare(null, ToRegions(descriptors), ListMode.Flat);

    /// <summary>Prepares a list over a peer's registered memory, as its metadata describes it.</summary>
    /// <param name="peer">A connected peer.</param>
    /// <param name="regions">The strided regions, in the peer's address space; copied.</param>
    /// <param name="mode">What an id stands for.</param>
    /// <exception cref="NixlNotFoundException">The peer has no registration that covers a region.</exception>
    /// <exception cref="NixlInvalidArgumentException">A region is empty, overflows, or (block mode) counts differ.</exception>
    /// <exception cref="StalePeerException">The peer was invalidated or restarted.</exception>
    public PreparedList PrepareRemote(RemoteAgent peer, ReadOnlySpan<StridedRegion> regions, ListMode mode = ListMode.Block)
    {
        CheckPeer(peer);
        return Prepare(peer, regions, mode);
    }

    /// <summary>Prepares a flat list over a peer's registered memory: id i is descriptor i.</summary>
    /// <inheritdoc cref="PrepareRemote(RemoteAgent, ReadOnlySpan{StridedRegion}, ListMode)"/>
    /// <param name="peer">A connected peer.</param>
    /// <param name="descriptors">The ranges, in the peer's address space; copied.</param>
    public PreparedList PrepareRemote(RemoteAgent peer, ReadOnlySpan<MemoryDescriptor> descriptors)
    {
        CheckPeer(peer);
        return Prepare(peer, ToRegions(descriptors), ListMode.Flat);
    }

    private PreparedList Prepare(RemoteAgent? peer, ReadOnlySpan<StridedRegion> regions, ListMode mode)
    {
        Runtime.Gate.Enter();
        try
        {
            var status = Runtime.Core.PrepareList(peer?.Id ?? 0, mode, regions, out var id);
            if (status < 0)
            {
                var details = Runtime.Core.LastError() with { Status = status };
                throw NixlErrors.Create(
                    details with { Peer = details.Peer ?? peer?.Name },
                    peer is null ? "preparing a local list" : $"preparing a list over '{peer.Name}'");
            }

            ListHandle handle;
            try
            {
                handle = new ListHandle(Runtime, id, peer is null ? Covering(regions) : [Runtime.Handle]);
            }
            catch (ObjectDisposedException)
            {
                throw new NixlNotFoundException(
                    NixlStatus.NotFound, "preparing a local list: NOT_FOUND: a registration that it needs is being disposed.");
            }

            NativeListInfo info = default;
            status = Runtime.Core.ListInfo(id, ref info);
            if (status < 0)
            {
                handle.Dispose();
                throw Runtime.Core.Failure(status, "asking for a prepared list");
            }

            return new PreparedList(this, handle, peer, info);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>The registrations that a local list lies in, so that it can hold them.</summary>
    private System.Runtime.InteropServices.SafeHandle[] Covering(ReadOnlySpan<StridedRegion> regions)
    {
        var parents = new HashSet<System.Runtime.InteropServices.SafeHandle> { Runtime.Handle };
        foreach (ref readonly var region in regions)
        {
            var info = new NativeRegionInfo
            {
                Address = region.Base,
                Length = region.Reach,
                Kind = (uint)region.Kind,
                Device = region.Device,
            };
            if (Runtime.Core.QueryMemory(0, ref info) >= 0 && Runtime.FindRegion(info.Region) is { } handle)
                parents.Add(handle);
        }

        return [.. parents];
    }

    private void CheckPeer(RemoteAgent peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (peer.Runtime != Runtime)
        {
            throw new ArgumentException(
                $"'{peer.Name}' was connected by agent '{peer.Runtime.Name}', not by '{Name}': each agent connects for itself.", nameof(peer));
        }
    }

    private static StridedRegion[] ToRegions(ReadOnlySpan<MemoryDescriptor> descriptors)
    {
        var regions = new StridedRegion[descriptors.Length];
        for (var i = 0; i < regions.Length; i++)
        {
            ref readonly var d = ref descriptors[i];
            regions[i] = new StridedRegion(d.Address, d.Length, d.Length, 1, d.Kind, d.Device);
        }

        return regions;
    }
}
